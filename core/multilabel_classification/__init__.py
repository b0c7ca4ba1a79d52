"""Multi-label data, where an example may have any number of classes: label issues, scores and health of classes.

`filter` tells which examples or which of their labels are issues, `rank` scores them, `dataset` sums up classes.
Labels are a list of lists of class numbers; the columns of `pred_probs` are independent probabilities. Each class is
a binary problem: examples with it against examples without it.

Examples
--------
>>> import numpy as np
>>> get_label_quality_scores([[0], [0, 1]], np.array([[0.5, 0.5], [0.5, 0.5]]))
array([0.5, 0.5])
"""

from labelhealth.core.multilabel_classification import dataset, filter, rank  # noqa: A004 (the name its users know)
from labelhealth.core.multilabel_classification.rank import get_label_quality_scores

__all__ = ["dataset", "filter", "get_label_quality_scores", "rank"]
