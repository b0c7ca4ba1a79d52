"""The schemas of every table that labelhealth writes or checks: one home for names, types and meanings.

Types are Arrow type names. A `rule` of the gate may name any table and column that stands here.
"""

from __future__ import annotations

from labelhealth.configs.reaudit_tables import SUMMARY
from labelhealth.configs.review_tables import ERROR_RATE, PATCH, REVIEW, REVIEW_ROWS, VERDICTS
from labelhealth.configs.table import Column
from labelhealth.configs.table import table as _table

# why a row is not judged, as its code in the cache (0 = it is) and in the reports
NOT_JUDGED_REASONS = (
    "",
    "no_label",
    "class_not_in_training",
    "before_first_cut",
    "no_time",
    "unknown_class",
    "one_class_in_training",
)

# codes of rows in the array of labels that have no class to be judged by
NO_LABEL, UNKNOWN_CLASS = -1, -2

SCHEMA_VERSION = 1  # raised when a column changes its name, type or meaning


INPUT = _table(
    "input",
    "the dataset as it came in (one row)",
    ("row_count", "int64", "rows in the files"),
    ("labelled_rows", "int64", "rows with a label"),
    ("null_labels", "int64", "rows without a label"),
    ("null_label_share", "double", "null_labels / row_count"),
    ("unknown_labels", "int64", "labelled rows whose class is not among the configured classes"),
    ("n_classes", "int64", "classes, absent ones that the config names included"),
    ("smallest_class_count", "int64", "examples of the smallest class; null with task regression"),
    ("n_features", "int64", "columns used as features"),
    ("null_ids", "int64", "rows without an id (0 without an id column)"),
    ("duplicate_ids", "int64", "rows whose id occurred before (0 without an id column)"),
    ("duplicate_rows", "int64", "rows whose features equal those of an earlier row"),
)

COLUMNS = _table(
    "columns",
    "a column of the input files",
    ("name", "string", "column name"),
    ("type", "string", "Arrow type; every layout of strings is a string"),
    ("role", "string", "label, id, group, time, slice, display, feature, pred_probs or unused"),
    (
        "kind",
        "string",
        "of a feature: numeric, boolean, categorical, text, datetime or embedding; else empty",
    ),
    ("null_count", "int64", "missing values (NaN counts as missing)"),
    ("null_share", "double", "null_count / rows"),
    ("min_value", "double", "smallest value of a numeric column; null otherwise"),
    ("max_value", "double", "largest value of a numeric column; null otherwise"),
    (
        "leak_accuracy",
        "double",
        "accuracy with which a feature alone predicts the label, held out; null otherwise",
    ),
)

CLASSES = _table(
    "classes",
    "a class, absent ones included",
    ("class_name", "string", "name of the class"),
    ("num_examples", "int64", "labelled rows of the class"),
)

LABEL_ISSUES = _table(
    "label_issues",
    "a row of the dataset",
    ("example_id", "string", "id column, else hash of the features; equal features give equal ids"),
    ("occurrence", "int64", "0, 1, ... among rows of equal example_id"),
    ("given_label", "string", "class in the dataset; null for a row without label"),
    ("predicted_label", "string", "most probable class out of sample; null where not judged"),
    ("is_label_issue", "bool", "flagged by the filter; false where not judged"),
    ("label_quality", "double", "score in [0, 1], low = suspicious; null where not judged"),
    ("rank", "int64", "1 = worst of the flagged rows; null for rows not flagged"),
    ("self_confidence", "double", "probability of the given label out of sample"),
    ("normalized_margin", "double", "(p given - best other p + 1) / 2"),
    ("judged", "bool", "whether an out-of-sample probability speaks about this row's label"),
    (
        "not_judged_reason",
        "string",
        "no_label, unknown_class, class_not_in_training, one_class_in_training, before_first_cut or no_time",
    ),
    ("source_file", "string", "file the row stands in, relative to the dataset"),
    ("row_number", "int64", "row in that file, from 0"),
)

# further columns of `label_issues`, after those above, where the task has more to tell
LABEL_SETS = (
    Column(
        "wrongly_given",
        "string",
        "classes of the given label that look wrong, as JSON; null where not judged",
    ),
    Column(
        "wrongly_left_out",
        "string",
        "classes that seem to be missing from it, as JSON; null where not judged",
    ),
)
NUMBERS = (
    Column("given_value", "double", "number in the dataset; null for a row without one"),
    Column("predicted_value", "double", "prediction out of sample; null where not judged"),
    Column("residual", "double", "predicted_value - given_value, in units of the label"),
)
FURTHER_COLUMNS = {"multi_label": LABEL_SETS, "regression": NUMBERS}
REVIEWED = (  # and where people have given verdicts
    Column(
        "verdict",
        "string",
        "what a reviewer said about this label and content: correct, wrong or unsure; else null",
    ),
)

CLASS_HEALTH = _table(
    "class_health",
    "a class, worst label quality first",
    ("class_name", "string", "name of the class"),
    ("class_index", "int64", "its column in pred_probs, from 0"),
    ("num_examples", "int64", "labelled rows of the class"),
    ("num_judged", "int64", "of these, judged rows"),
    ("judged", "bool", "false when the class has too few judged rows to say anything"),
    ("flagged_count", "int64", "rows flagged as label issues"),
    ("flagged_share", "double", "flagged_count / num_judged; null without judged rows"),
    ("label_issues", "int64", "estimated from the joint: given this class, truly another"),
    ("inverse_label_issues", "int64", "estimated from the joint: truly this class, given another"),
    ("label_noise", "double", "estimated P(truly another | given this class); null without judged rows"),
    ("inverse_label_noise", "double", "estimated P(given another | truly this class); null where no row is"),
    ("label_quality_score", "double", "1 - label_noise; null without judged rows"),
)

CLASS_OVERLAP = _table(
    "class_overlap",
    "an unordered pair of classes with a non-zero joint probability, largest first",
    ("class_a", "string", "name of the class with the smaller index"),
    ("class_b", "string", "name of the other"),
    ("num_overlapping_examples", "int64", "joint_probability x judged rows, rounded"),
    ("joint_probability", "double", "estimated P(given a, truly b) + P(given b, truly a)"),
)

JOINT = _table(
    "joint",
    "a (given, true) pair of classes with a non-zero count",
    ("given_class", "string", "class in the dataset"),
    ("true_class", "string", "estimated true class"),
    ("count", "int64", "calibrated confident joint"),
    ("joint_probability", "double", "estimated P(given, true)"),
    ("p_given_if_true", "double", "noise matrix: P(given | true)"),
    ("p_true_if_given", "double", "inverse noise matrix: P(true | given)"),
)

HEALTH = _table(
    "health",
    "the audit (one row)",
    ("n_examples", "int64", "rows in the dataset"),
    ("n_labelled", "int64", "rows with a label"),
    ("n_judged", "int64", "labelled rows with an out-of-sample probability for their class"),
    ("n_classes", "int64", "classes"),
    ("n_classes_judged", "int64", "classes with enough judged rows"),
    ("overall_label_health_score", "double", "1 - estimated_label_issues / n_judged"),
    ("estimated_label_issues", "int64", "off-diagonal count of confident learning"),
    ("flagged_count", "int64", "rows flagged by the filter"),
    ("flagged_share", "double", "flagged_count / n_judged: a share of rows flagged, not an error rate"),
    (
        "disagreement_share",
        "double",
        "judged rows whose most probable class is not the given one; null with task regression",
    ),
    (
        "joint_off_diagonal",
        "double",
        "1 - trace of the estimated joint; null with multi_label and regression",
    ),
    ("worst_class_quality", "double", "smallest label_quality_score of a judged class; null without one"),
    (
        "worst_overlap",
        "double",
        "largest joint_probability of a pair of classes; 0 without one; null with multi_label and regression",
    ),
)

GUARDS = _table(
    "guards",
    "a guard against misuse (not with multi_label and regression)",
    ("guard", "string", "class_order, rows_belong or in_sample"),
    ("checked", "bool", "whether it could be checked"),
    ("holds", "bool", "whether there is nothing to distrust; null where not checked"),
    (
        "value",
        "double",
        "what was measured: gain of agreement in another order of classes; Cohen's kappa; agreement with labels that"
        " look wrong to a model that did not see them",
    ),
    ("reason", "string", "one sentence for a person"),
)

CANARY = _table(
    "canary",
    "a family of planted errors and a seed (section canary): an upper-bound smoke alarm, no estimate of recall",
    (
        "family",
        "string",
        "easy: any row to any class; hard: rows that the model doubts, to classes it finds likely",
    ),
    ("seed", "int64", "of the flips"),
    ("n_planted", "int64", "labels that were flipped before training, and never written into the data"),
    ("n_judged", "int64", "of these, judged rows"),
    ("n_found", "int64", "of these, flagged rows"),
    ("n_others", "int64", "judged rows that were not flipped"),
    ("n_others_flagged", "int64", "of these, flagged rows"),
    ("recall", "double", "n_found / n_judged"),
    (
        "recall_beyond_chance",
        "double",
        "(recall - q) / (1 - q), q = n_others_flagged / n_others: 0 where flips are flagged no more than others",
    ),
)

CLASS_ISSUES = _table(
    "class_issues",
    "a class and a direction, most rows first (task multi_label)",
    ("class_name", "string", "name of the class"),
    ("class_index", "int64", "its column in pred_probs, from 0"),
    ("in_given_label", "bool", "whether the class stands in the given labels of these rows"),
    ("in_suggested_label", "bool", "the opposite"),
    ("num_examples", "int64", "judged rows"),
    ("issue_probability", "double", "num_examples / all judged rows"),
)

CONSENSUS = _table(
    "consensus",
    "a row of the dataset (task multi_annotator)",
    ("example_id", "string", "as in label_issues"),
    ("occurrence", "int64", "as in label_issues"),
    ("num_annotations", "int64", "votes on the row"),
    ("majority_label", "string", "class with most votes; null without votes"),
    ("consensus_label", "string", "class that votes and model agree on: the given_label of label_issues"),
    ("consensus_quality", "double", "how likely it is right, in [0, 1]; null where not judged"),
    ("annotator_agreement", "double", "share of the votes that are for the consensus; null where not judged"),
)

ANNOTATORS = _table(
    "annotators",
    "an annotator, worst first (task multi_annotator)",
    ("annotator", "string", "column, or name in the file of votes"),
    (
        "annotator_quality",
        "double",
        "how likely the annotator's labels are right; null where nobody else saw them",
    ),
    ("agreement_with_consensus", "double", "share of the annotator's votes that are the consensus"),
    ("worst_class", "string", "class among the annotator's votes that is the consensus least often"),
    ("num_examples_labeled", "int64", "votes of the annotator on judged rows"),
)

SENTENCES = _table(
    "sentences",
    "a sentence, lowest quality first (task token_classification)",
    ("sentence", "string", "id of the sentence"),
    ("num_tokens", "int64", "rows of the sentence"),
    ("num_judged", "int64", "of these, judged rows"),
    ("flagged_count", "int64", "tokens flagged as label issues"),
    ("sentence_quality", "double", "lowest label_quality of its judged tokens; null without one"),
    ("worst_example_id", "string", "example_id of that token"),
    ("worst_token", "string", "the token itself; null without a token column"),
    ("given_label", "string", "its class in the dataset"),
    ("predicted_label", "string", "its most probable class out of sample"),
)

TOKEN_ISSUES = _table(
    "token_issues",
    "a word with its given and predicted class, most flagged first (task token_classification)",
    ("token", "string", "the word"),
    ("given_label", "string", "class in the dataset"),
    ("predicted_label", "string", "most probable class out of sample"),
    ("num_label_issues", "int64", "flagged rows of this word and these classes"),
)

FIT = _table(
    "fit",
    "the model of the numbers (one row, task regression)",
    ("r_squared", "double", "of the out-of-sample predictions, against the given numbers"),
    ("median_absolute_residual", "double", "median of |predicted - given|, in units of the label"),
    (
        "estimated_issue_share",
        "double",
        "share without which the others are predicted best; null for ready predictions",
    ),
)

DATA_ISSUES = _table(
    "data_issues",
    "a row of the dataset (section data_issues)",
    ("example_id", "string", "as in label_issues"),
    ("occurrence", "int64", "as in label_issues"),
    ("is_null_issue", "bool", "all features are missing; null where not checked, as for all columns below"),
    ("null_score", "double", "share of features that are present; scores are in [0, 1], low = bad"),
    ("is_outlier_issue", "bool", "far from all others"),
    ("outlier_score", "double", "falls with the mean distance to the nearest rows"),
    ("is_near_duplicate_issue", "bool", "nearly equal to another row"),
    ("near_duplicate_score", "double", "grows with the distance to the nearest row"),
    ("is_conflicting_label_issue", "bool", "near duplicate of a row with another label"),
    ("conflicting_label_score", "double", "near_duplicate_score where the labels differ, else 1"),
    (
        "is_non_iid_issue",
        "bool",
        "the order of rows depends on their features: marks the row that shows it most",
    ),
    ("non_iid_score", "double", "how far the row's neighbours are spread over the order"),
    ("is_class_imbalance_issue", "bool", "of the rarest class, where that is too rare"),
    ("class_imbalance_score", "double", "share of the class for rows of the rarest class, else 1"),
    (
        "is_underperforming_group_issue",
        "bool",
        "in a group of similar rows that is predicted worse than others",
    ),
    ("underperforming_group_score", "double", "mean self-confidence of the group over that of all groups"),
)

DATA_ISSUE_SUMMARY = _table(
    "data_issue_summary",
    "a check (section data_issues)",
    ("issue_type", "string", "name of the check"),
    ("checked", "bool", "whether it could be made"),
    ("num_issues", "int64", "rows flagged; null where not checked"),
    ("score", "double", "of the whole dataset, in [0, 1], low = bad; null where not checked"),
    ("reason", "string", "why it was not checked; empty where it was"),
)

CHECKS = _table(
    "checks",
    "an expectation of a checkpoint",
    ("checkpoint", "string", "input or output"),
    ("rule", "string", "id of the rule"),
    ("table", "string", "table that was checked"),
    ("column", "string", "column that was checked; empty for a whole table"),
    ("expectation", "string", "Great Expectations class"),
    ("severity", "string", "critical, warning or info"),
    ("verdict", "string", "pass, fail, error or skipped"),
    ("observed", "string", "what was found, as JSON"),
    ("expected", "string", "what the rule asks for, as JSON"),
    ("unexpected_count", "int64", "rows of the table that broke the rule; null where that is not counted"),
    ("examples", "string", "up to 20 of these rows by name, as JSON"),
    ("reason", "string", "one sentence for a person"),
)

HISTORY = _table(
    "history",
    "an audit; a repeat adds none",
    ("dataset", "string", "name of the dataset"),
    ("dataset_version", "string", "name of its state; the partition `version` as text"),
    ("audit", "string", "short digest of data, recipe and code"),
    ("audited_at", "timestamp[us, tz=UTC]", "when it was first published"),
    ("data_digest", "string", "digest of the content of the input files"),
    ("verdict", "string", "PASS, FAIL or INCONCLUSIVE"),
    ("reasons", "string", "why, as JSON"),
    *((column.name, column.type, column.meaning) for column in HEALTH.columns),
)

RUNS = _table(
    "runs",
    "a run of an audit, repeats included",
    ("dataset", "string", "name of the dataset"),
    ("dataset_version", "string", "name of its state"),
    ("audit", "string", "short digest of data, recipe and code"),
    ("started_at", "timestamp[us, tz=UTC]", "when the run started"),
    ("seconds", "double", "how long it took (s)"),
    (
        "answered_by",
        "string",
        "store, this process, embedded server, the configured API, or Prefect (a deployment)",
    ),
    ("stages_run", "int64", "calls of stages that computed something"),
    ("stages_cached", "int64", "calls of stages answered from the cache"),
    ("verdict", "string", "PASS, FAIL or INCONCLUSIVE"),
)

CHANGES = _table(
    "changes",
    "an example that changed, or is or was flagged, between two versions",
    ("example_id", "string", "as in label_issues"),
    (
        "state",
        "string",
        "what became of its flag; null where it was and is not flagged: see docs/versions.md",
    ),
    ("row_change", "string", "added, removed, relabelled or unchanged"),
    ("old_label", "string", "given label in the old version; null where it was not there, or had none"),
    ("new_label", "string", "given label in the new version; null where it is not there, or has none"),
    ("old_flagged", "bool", "flagged in the old version; null where it was not there"),
    ("new_flagged", "bool", "flagged in the new version; null where it is not there"),
    ("old_label_quality", "double", "score in the old version"),
    ("new_label_quality", "double", "score in the new version"),
    ("source_file", "string", "file the row stands in: of the new version, else of the old"),
    ("row_number", "int64", "row in that file, from 0"),
)

CLASS_CHANGES = _table(
    "class_changes",
    "a class of either version, largest rise of the flagged share first",
    ("class_name", "string", "name of the class"),
    ("old_judged", "int64", "judged rows given the class in the old version"),
    ("new_judged", "int64", "the same in the new version"),
    ("old_flagged_share", "double", "flagged / judged; null without judged rows"),
    ("new_flagged_share", "double", "flagged / judged; null without judged rows"),
    ("difference", "double", "new minus old flagged share"),
    (
        "p_value",
        "double",
        "probability of such a difference by chance (Fisher, two-sided); null if not comparable",
    ),
    ("p_adjusted", "double", "the same, adjusted for the number of classes (Benjamini-Hochberg)"),
)

PAIR_CHANGES = _table(
    "pair_changes",
    "a given and a predicted class of flagged rows of either version, largest rise first",
    ("given_label", "string", "class in the dataset"),
    ("predicted_label", "string", "most probable class out of sample"),
    ("old_count", "int64", "flagged rows of the old version"),
    ("new_count", "int64", "flagged rows of the new version"),
    ("difference", "int64", "new minus old"),
)

SLICE_CHANGES = _table(
    "slice_changes",
    "a value of a slice column in the new version, largest rise first",
    ("column", "string", "slice column"),
    ("value", "string", "its value"),
    ("old_judged", "int64", "judged rows of the value in the old version"),
    ("new_judged", "int64", "the same in the new version"),
    ("old_flagged_share", "double", "flagged / judged; of the whole old version where the value is new"),
    ("new_flagged_share", "double", "flagged / judged"),
    ("difference", "double", "new minus old flagged share"),
    ("p_value", "double", "probability of such a difference by chance (Fisher, two-sided)"),
    ("p_adjusted", "double", "the same, adjusted for the number of values (Benjamini-Hochberg)"),
)

COMPARISON = _table(
    "comparison",
    "two audits of a dataset (one row)",
    ("n_old", "int64", "rows of the old version"),
    ("n_new", "int64", "rows of the new version"),
    ("n_kept", "int64", "rows in both"),
    ("n_added", "int64", "rows of the new version that the old lacks"),
    ("n_removed", "int64", "rows of the old version that the new lacks"),
    ("n_relabelled", "int64", "rows in both with another given label"),
    ("match_rate", "double", "n_kept / rows of the smaller version"),
    ("old_flagged_share", "double", "of the old version, as it was audited then"),
    ("new_flagged_share", "double", "of the new version"),
    ("change_total", "double", "new minus old flagged share; the five parts below sum to it"),
    (
        "change_auditor",
        "double",
        "what another recipe or code flags differently in the old version; null if not known",
    ),
    ("change_removed", "double", "what rows that are gone took with them"),
    ("change_relabelled", "double", "what rows with another label changed"),
    ("change_unchanged", "double", "what rows with the same label changed"),
    ("change_added", "double", "what added rows brought"),
    (
        "p_added",
        "double",
        "added against kept rows of the new version (Fisher, two-sided); null without either",
    ),
    ("p_kept", "double", "rows that stayed, before and after (McNemar, two-sided); null without any"),
    ("p_value", "double", "of both together (Bonferroni)"),
    (
        "noise_floor",
        "double",
        "largest difference of the flagged share between audits that differ in their seed alone",
    ),
    (
        "proven_rise",
        "double",
        "rise of the flagged share without the auditor's part, where it is more than chance; 0 where it is not, null"
        " where the versions are not comparable",
    ),
    ("old_health_score", "double", "label health of the old version, by the new recipe; null if not known"),
    ("new_health_score", "double", "label health of the new version; null if not known"),
    ("p_health", "double", "estimated label issues of both versions (Fisher, two-sided)"),
    (
        "health_noise_floor",
        "double",
        "largest difference of the health score between audits that differ in their seed alone",
    ),
    (
        "proven_drop",
        "double",
        "drop of the health score, where it is more than chance; 0 where it is not, null where the versions are not"
        " comparable",
    ),
    ("finding", "string", "flag rate rose, flag rate fell, no change beyond chance, or not comparable"),
)

TABLES = {
    table.name: table
    for table in (
        INPUT,
        COLUMNS,
        CLASSES,
        LABEL_ISSUES,
        CLASS_HEALTH,
        CLASS_OVERLAP,
        JOINT,
        HEALTH,
        GUARDS,
        CANARY,
        CLASS_ISSUES,
        CONSENSUS,
        ANNOTATORS,
        SENTENCES,
        TOKEN_ISSUES,
        FIT,
        DATA_ISSUES,
        DATA_ISSUE_SUMMARY,
        CHECKS,
        HISTORY,
        RUNS,
        CHANGES,
        CLASS_CHANGES,
        PAIR_CHANGES,
        SLICE_CHANGES,
        COMPARISON,
        REVIEW,
        ERROR_RATE,
        REVIEW_ROWS,
        VERDICTS,
        PATCH,
        SUMMARY,
    )
}
INPUT_TABLES = ("input", "columns", "classes")
OUTPUT_TABLES = ("health", "class_health", "class_overlap")
