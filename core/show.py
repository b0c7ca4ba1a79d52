"""Matrices as text for a reader at the terminal; users of cleanlab find them as `internal.util` too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import check_square
from labelhealth.core._stdout import write_lines

__all__ = ["print_square_matrix", "print_noise_matrix", "print_inverse_noise_matrix", "print_joint_matrix"]

SHORT_NAME_LENGTH = 6  # keeps the first column as wide as the row names


def print_square_matrix(
    matrix: npt.ArrayLike,
    left_name: str = "s",
    top_name: str = "y",
    title: str = " A square matrix",
    short_title: str = "s,y",
    round_places: int = 2,
) -> None:
    """Print a square matrix with named rows and columns and its trace.

    Parameters
    ----------
    matrix : array-like of float, shape (K, K)
        Numbers to print.
    left_name, top_name : str
        Names of rows and columns.
    title : str
        First line, followed by the shape.
    short_title : str
        Corner of the table, cut after six characters.
    round_places : int, default 2
        Decimal places.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite.

    Examples
    --------
    >>> print_square_matrix([[1.0]], title="One")  # doctest: +NORMALIZE_WHITESPACE
    <BLANKLINE>
     One of shape (1, 1)
     s,y	y=0
        ---
    s=0 |	1.0
        Trace(matrix) = 1.0
    <BLANKLINE>
    """
    values = check_square("matrix", matrix)
    classes = range(len(values))
    cells = np.asarray(values, dtype=np.float64).round(round_places).tolist()
    trace = round(float(np.trace(values)), round_places)
    write_lines(
        "",
        f" {title.strip()} of shape {values.shape}",
        f" {short_title[:SHORT_NAME_LENGTH]}" + "".join(f"\t{top_name}={k}" for k in classes),
        "\t---" * len(values),
        *(f"{left_name}={k} |\t" + "\t".join(str(cell) for cell in cells[k]) for k in classes),
        f"\tTrace(matrix) = {trace}",
        "",
    )


def print_noise_matrix(noise_matrix: npt.ArrayLike, round_places: int = 2) -> None:
    """Print P(given | true).

    Parameters
    ----------
    noise_matrix : array-like of float, shape (K, K)
        Columns sum to 1.
    round_places : int, default 2
        Decimal places.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite.

    Examples
    --------
    >>> print_noise_matrix([[1.0, 0.0], [0.0, 1.0]])  # doctest: +ELLIPSIS
    <BLANKLINE>
     Noise Matrix (aka Noisy Channel) P(given_label|true_label) of shape (2, 2)
    ...
    """
    title = "Noise Matrix (aka Noisy Channel) P(given_label|true_label)"
    print_square_matrix(noise_matrix, title=title, short_title="p(s|y)", round_places=round_places)


def print_inverse_noise_matrix(inverse_noise_matrix: npt.ArrayLike, round_places: int = 2) -> None:
    """Print P(true | given).

    Parameters
    ----------
    inverse_noise_matrix : array-like of float, shape (K, K)
        Columns sum to 1.
    round_places : int, default 2
        Decimal places.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite.

    Examples
    --------
    >>> print_inverse_noise_matrix([[1.0, 0.0], [0.0, 1.0]])  # doctest: +ELLIPSIS
    <BLANKLINE>
     Inverse Noise Matrix P(true_label|given_label) of shape (2, 2)
    ...
    """
    title = "Inverse Noise Matrix P(true_label|given_label)"
    print_square_matrix(inverse_noise_matrix, "y", "s", title, "p(y|s)", round_places)


def print_joint_matrix(joint_matrix: npt.ArrayLike, round_places: int = 2) -> None:
    """Print P(given, true).

    Parameters
    ----------
    joint_matrix : array-like of float, shape (K, K)
        Entries sum to 1.
    round_places : int, default 2
        Decimal places.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite.

    Examples
    --------
    >>> print_joint_matrix([[0.5, 0.0], [0.0, 0.5]])  # doctest: +ELLIPSIS
    <BLANKLINE>
     Joint Label Noise Distribution Matrix P(given_label, true_label) of shape (2, 2)
    ...
    """
    title = "Joint Label Noise Distribution Matrix P(given_label, true_label)"
    print_square_matrix(joint_matrix, title=title, short_title="p(s,y)", round_places=round_places)
