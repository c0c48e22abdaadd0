"""What to do about each kind of finding, by its code.

A format's own findings may bring advice of their own, see ``Report.finding``.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """``title`` follows a count, where single findings of one kind are told as one."""

    advice: str
    title: str = ""
    is_note: bool = False  # shown as info, though ``problems`` knows errors and warnings alone


KNOWN: dict[str, Known] = {
    "left-out": Known(
        "Look whether these files are what you meant to upload; mend or remove them, and upload "
        "the dataset again if they matter.",
        "file(s) were left out",
    ),
    "made-split": Known(
        "Nothing, if samples are independent. Else give the splits yourself, or name the column "
        "of groups or of the time in the options.",
        is_note=True,
    ),
    "missing-split": Known(
        "Give the split yourself, or let it be made in another way: by the option "
        '{"split": {"by": "random"}} where the samples are independent, or of groups that are '
        "truly those of patients or sources. Without val no checkpoint is the best, and without "
        "test nothing tells how good a model is."
    ),
    "empty-split": Known("Remove the empty split, or fill it."),
    "left-out-between-splits": Known(
        "Nothing: this gap keeps the future out of training.", is_note=True
    ),
    "ignored": Known("Nothing, if none of these is data.", "file(s) were ignored", is_note=True),
    "ignored-files": Known("Nothing, if none of these is data.", is_note=True),
    "converted-pictures": Known(
        "Nothing, if no detail that matters was lost. Else bring the pictures to one size and "
        "kind yourself, or choose picture_size in the options."
    ),
    "option-not-followed": Known("Leave the option out."),
    "read-as": Known("Nothing, if this is what the array means.", is_note=True),
    "doubtful-dates": Known(
        "Look at some moments in the report; if they are wrong, say how they are written, in the "
        "option `time_format`."
    ),
    "doubtful-numbers": Known(
        "Look at the range of the column in the report; if it is wrong, write the numbers without "
        "signs between thousands."
    ),
    "missing-cells": Known(
        "Nothing, if few. Else fill the cells, or leave the column out of the features, so that "
        "its rows are kept."
    ),
    "wrong-rows": Known("Look at these rows: a delimiter within a field needs quotes around it."),
    "left-out-column": Known(
        "Nothing, if the model need not see it. Else turn it into numbers before the upload."
    ),
    "series-gap": Known(
        "Nothing, if a few rows are missing. Else fill the gaps, or cut the series there and give "
        "each piece a name of its own in the column of the group."
    ),
    "doubled-moment": Known(
        "Look which of the rows is right, and remove the others; if they are of several series, "
        "name the column that tells these apart as the group in the options."
    ),
    "not-positive": Known(
        "Look at these values: as prices or volumes they are faults, such as a day without trade. "
        "Remove or mend their rows."
    ),
    "short-series": Known(
        "Nothing, if few. Else take a smaller window or horizon, or upload longer series."
    ),
    "not-finite": Known("Fill or remove these values before the upload: no network can use them."),
    "empty-class": Known("Add samples of the class, or remove it from the names."),
    "sheet-not-used": Known(
        "If the sheet says what the files are, let one of its columns name them, by path or by "
        "name; else name it in the option `ignore`.",
        "sheet(s) were not used",
    ),
    "possible-group": Known(
        "Name the column in the option `group`, so that no patient, subject or source stands in "
        "two splits."
    ),
    "odd-class-names": Known(
        "Nothing, if these are classes. Else call the folders train, val and test, with one folder "
        "a class in each; or for masks images and masks, or say the task in the options."
    ),
    "few-samples": Known(
        "Add samples of these classes, or merge them with others; the figures of so small classes "
        "say little."
    ),
    "one-class": Known("Upload samples of at least two classes."),
    "no-training-samples": Known("Upload samples for training."),
    "imbalanced-classes": Known(
        "Weigh the classes in the loss, or add samples of the rare ones, and judge by balanced "
        "figures such as macro F1 rather than by accuracy."
    ),
    "splits-differ": Known(
        "Make sure that the splits are meant to differ so; figures of one do not tell of the other."
    ),
    "constant-target": Known("Choose another target, or remove it: there is nothing to learn."),
    "duplicates-within": Known(
        "Nothing, if few. Else remove the copies: they count double in training and in figures.",
    ),
    "duplicates-across": Known(
        "Remove the copies from one of the splits: figures on samples that were trained on look "
        "better than the model is."
    ),
    "near-duplicates-within": Known(
        "Nothing, if few. Else keep one of each, or give them one group in the options."
    ),
    "near-duplicates-across": Known(
        "Look at the pairs. If they show the same thing, remove them from one of the splits, or "
        "name the column of patients or sources as the group in the options."
    ),
    "label-conflict": Known("Look at the samples, and give both the right label."),
    "suspicious-labels": Known("Look at the pairs: one of the labels is likely wrong."),
    "group-leak": Known(
        "Split by group: what a model remembers of a patient or source it is tested on, it has "
        "not learned."
    ),
    "time-overlap": Known(
        'Split by time ({"split": {"by": "time"}}), which leaves out what overlaps.'
    ),
    "look-ahead": Known(
        "Split by time, unless the moments do not matter: a forecast is made from the past alone."
    ),
    "target-leak": Known(
        "Remove the column from the features, if it is not known before the target is: a model "
        "that copies it learns nothing."
    ),
    "constant-channel": Known("Remove it, or find out why it never changes."),
    "search-was-cut": Known(
        "Nothing. The search for pictures that look the same ended at its bound; there may be more."
    ),
}
UNKNOWN = Known("")
