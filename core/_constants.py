"""The constants of confident learning, each with its reason."""

TOLERANCE = 1e-6  # probabilities closer than this count as equal: thresholds, ties, validity of pred_probs
LOWEST_THRESHOLD = 2e-6  # twice TOLERANCE: a zero probability never counts as confident
MISSING_THRESHOLD = 2.0  # above any probability: nothing is confident in a class without a labelled example
LOWEST_PROBABILITY = 1e-6  # floor before logarithms and divisions in scores, and for estimated class priors
TINY = 1e-100  # floor of denominators: turns 0/0 into 0
LOWEST_DENOMINATOR = 1e-6  # floor of denominators in class summaries and of softmax temperatures
HIGHEST_NOISE_RATE = 0.9999  # a flipping rate of 1 would leave its class without a correct label
LOWEST_CONVERGED_PRIOR = 1e-5  # floor of class priors after the convergence loop
