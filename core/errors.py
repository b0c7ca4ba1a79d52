"""Every error that the core raises on input it cannot accept.

All derive from `LabelHealthError`, itself a `ValueError`. A child derives from `TypeError`, `AssertionError`
or `IndexError` as well where users of cleanlab may already catch that class.
"""

__all__ = [
    "LabelHealthError",
    "LabelsError",
    "LabelsTypeError",
    "LabelSetsTypeError",
    "PredProbsError",
    "PredProbsTypeError",
    "FeaturesError",
    "FeaturesTypeError",
    "MatrixError",
    "ClassifierError",
    "ClassifierTypeError",
    "OptionError",
    "OptionTypeError",
    "ChoiceError",
    "IssuesError",
    "ClassNamesError",
    "UnsupportedError",
    "TokensError",
    "IssuesIndexError",
    "MapsError",
    "TargetsError",
    "TargetsShapeError",
    "RegressorError",
    "NotCheckedError",
]


class LabelHealthError(ValueError):
    """Base of all errors of this package."""


class LabelsError(LabelHealthError):
    """`labels` are not class numbers 0..K-1, one for each example."""


class LabelsTypeError(LabelsError, TypeError):
    """`labels` are not a list, array, Series or one-column DataFrame."""


class LabelSetsTypeError(LabelsTypeError, AssertionError):
    """`labels` of multi-label data are not a list of lists of class numbers."""


class PredProbsError(LabelHealthError):
    """`pred_probs` are not probabilities of shape (N, K)."""


class PredProbsTypeError(PredProbsError, TypeError):
    """`pred_probs` are not a numpy array of numbers."""


class FeaturesError(LabelHealthError):
    """`X` does not fit the labels."""


class FeaturesTypeError(FeaturesError, TypeError):
    """`X` has no length or no rows to select."""


class MatrixError(LabelHealthError):
    """A confident joint, joint, noise matrix or threshold vector has the wrong shape or values."""


class ClassifierError(LabelHealthError):
    """The classifier cannot be cloned, trained or asked for probabilities."""


class ClassifierTypeError(ClassifierError, TypeError):
    """A callable that belongs to the training is not callable."""


class OptionError(LabelHealthError):
    """An option has a value that it does not know."""


class OptionTypeError(OptionError, TypeError):
    """An option is of a type that cannot be used."""


class IssuesError(LabelHealthError):
    """`label_issues` are not of these labels, or in no known form."""


class ChoiceError(OptionError, AssertionError):
    """An option that cleanlab guards with an assertion has a value that it does not know."""


class ClassNamesError(OptionError, IndexError):
    """`class_names` do not name every class."""


class UnsupportedError(OptionError):
    """The function does not do this; the message names the one that does."""


class TokensError(LabelHealthError):
    """`tokens` are not the words of these sentences."""


class IssuesIndexError(IssuesError, IndexError):
    """`issues` name a sentence or token that is not there."""


class MapsError(OptionError, IndexError):
    """`maps` do not say where every class goes."""


class TargetsError(LabelHealthError):
    """The labels or predictions of a regression are not one finite number for each example."""


class TargetsShapeError(TargetsError, AssertionError):
    """The labels and predictions of a regression are not equally many."""


class RegressorError(LabelHealthError):
    """The regression model cannot be cloned, trained or asked for predictions."""


class NotCheckedError(LabelHealthError):
    """The data do not allow this check: something is missing, or there is too little of it."""
