"""Label errors of regression: labels are numbers.

`rank` scores labels by predictions that are there, `learn` has `CleanLearning`, which finds label errors with any
regression model by cross-validation and trains it on the rest.
"""

from labelhealth.core.regression import learn, rank

__all__ = ["learn", "rank"]
