"""The report of an ingest: its figures against numpy's, and every kind of finding."""

from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from trainyard.datasets import DatasetOptions, RejectedDataset, SplitOptions, ingest
from trainyard.datasets.advice import KNOWN
from trainyard.datasets.facts import DatasetReport, Finding
from trainyard.datasets.manifest import Manifest
from trainyard.datasets.report import Report

from .conftest import ROOT, Ingest, npz_of, picture, random_pictures, zip_of
from .test_dicom import scan

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
LABELS = np.arange(40) % 2


def report_of(manifest: Manifest) -> DatasetReport:
    assert manifest.report is not None
    return manifest.report


def found(manifest: Manifest, code: str) -> Finding:
    (finding,) = [one for one in report_of(manifest).findings if one.code == code]
    return finding


def codes(manifest: Manifest) -> set[str]:
    return {finding.code for finding in report_of(manifest).findings}


def test_figures_of_pictures_are_those_of_numpy(take: Ingest):
    x = random_pictures(40, 9, 10, 3)
    manifest = take(npz_of(x=x, y=LABELS), AS_GIVEN)
    report = report_of(manifest)
    assert report.num_samples == {"train": 40}
    assert report.classes is not None
    assert report.classes.counts == {"train": [20, 20]}
    for channel, summary in enumerate(report.channels):
        values = x[..., channel].astype(np.float64)
        assert summary.mean == pytest.approx(values.mean(), rel=1e-12)
        assert summary.std == pytest.approx(values.std(), rel=1e-12)
        assert (summary.minimum, summary.maximum) == (values.min(), values.max())
        assert summary.histogram is not None
        expected, _ = np.histogram(values, bins=32, range=(0, 256))
        assert summary.histogram.counts == expected.tolist()
    assert manifest.statistics.mean == [c.mean for c in report.channels]


def test_histograms_of_floats_are_exact_though_the_range_grows(take: Ingest):
    # More than a block, so that later values lie outside of what the first ones gave.
    x = np.random.default_rng(0).normal(size=(600, 2, 1000)).astype(np.float32)
    x[:, 0] *= np.linspace(0.1, 1000, 600)[:, None]
    manifest = take(npz_of(x=x, y=np.arange(600) % 2), AS_GIVEN)
    for channel, summary in enumerate(report_of(manifest).channels):
        histogram = summary.histogram
        assert histogram is not None
        values = x[:, channel].astype(np.float64).reshape(-1)
        assert (summary.minimum, summary.maximum) == (values.min(), values.max())
        assert sum(histogram.counts) == values.size
        edges = histogram.start + histogram.bin_width * np.arange(len(histogram.counts) + 1)
        np.testing.assert_array_equal(histogram.counts, np.histogram(values, edges)[0])
        assert 8 <= len(histogram.counts) <= 32


def test_sizes_and_modes_of_pictures_are_as_uploaded(take: Ingest):
    files = {f"{'ab'[i % 2]}/{i}.png": picture(p) for i, p in enumerate(random_pictures(24, 9, 8))}
    files["a/large.png"] = picture(random_pictures(1, 20, 30, 4)[0])
    pictures = report_of(take(zip_of(files), AS_GIVEN)).pictures
    assert pictures is not None
    assert [(s.height, s.width, s.count) for s in pictures.sizes] == [(9, 8, 24), (20, 30, 1)]
    assert pictures.modes == {"L": 24, "RGBA": 1, "transparent": 1}


def test_twins_are_found_within_and_across_splits_with_their_places(take: Ingest):
    x = random_pictures(40, 6, 6)
    x[7] = x[3]
    held = random_pictures(10, 6, 6, seed=1)
    held[4] = x[3]
    manifest = take(npz_of(x=x, y=LABELS, x_test=held, y_test=np.arange(10) % 2), AS_GIVEN)
    exact = report_of(manifest).exact
    assert exact is not None
    assert exact.within == {"train": 1, "test": 0}
    assert [(a.first, a.second, a.count) for a in exact.across] == [("train", "test", 1)]
    (example,) = found(manifest, "duplicates-across").examples
    assert (example.split, example.row) == ("test", 4)
    assert example.twin is not None
    assert (example.twin.split, example.twin.row) == ("train", 3)
    conflict = found(manifest, "label-conflict")
    assert {(e.split, e.row) for e in conflict.examples} == {("test", 4)}
    assert conflict.advice


def photograph(seed: int, side: int = 96) -> Image.Image:
    """Large soft shapes, as pictures of the world have them."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def altered(seed: int) -> dict[str, bytes]:
    """The same picture as people copy it."""
    original = photograph(seed)
    buffer = io.BytesIO()
    original.save(buffer, "JPEG", quality=40)
    brighter = ImageEnhance.Brightness(original).enhance(0.85)
    return {
        "compressed.jpg": buffer.getvalue(),
        "darker.png": picture(brighter),
        "smaller.png": picture(original.resize((61, 61))),
    }


def test_copies_that_were_changed_look_the_same_and_others_do_not(take: Ingest):
    files = {f"train/{'ab'[i % 2]}/{i:02}.png": picture(photograph(i)) for i in range(40)}
    copies = altered(0)
    files |= {f"test/a/{name}": data for name, data in copies.items()}
    files |= {f"test/b/{i}.png": picture(photograph(i)) for i in range(100, 110)}
    manifest = take(zip_of(files), AS_GIVEN)
    finding = found(manifest, "near-duplicates-across")
    assert {e.name for e in finding.examples} == {f"test/a/{name}" for name in copies}
    assert {e.twin.name for e in finding.examples if e.twin} == {"train/a/00.png"}
    assert (finding.severity, finding.count) == ("warning", 3)
    assert found(manifest, "near-duplicates-within").count == 2  # the copies among themselves
    assert "suspicious-labels" not in codes(manifest)


def test_look_alikes_with_other_labels_are_suspicious(take: Ingest):
    files = {f"{'ab'[i % 2]}/{i:02}.png": picture(photograph(i)) for i in range(30)}
    files["b/copy.jpg"] = altered(0)["compressed.jpg"]
    (example,) = found(take(zip_of(files), AS_GIVEN), "suspicious-labels").examples
    assert {example.name, example.twin.name if example.twin else None} == {
        "a/00.png",
        "b/copy.jpg",
    }
    assert example.twin is not None
    assert {example.label, example.twin.label} == {"a", "b"}


def test_blank_pictures_are_no_look_alikes(take: Ingest):
    x = np.full((40, 16, 16), 128, np.uint8) + (np.arange(40)[:, None, None] % 256).astype(np.uint8)
    assert "near-duplicates-within" not in codes(take(npz_of(x=x, y=LABELS), AS_GIVEN))


@pytest.mark.parametrize("leak", ["a copy of the class", "another number for each class"])
def test_a_column_that_gives_the_class_away_is_named(take: Ingest, leak: str):
    x = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
    y = np.arange(90) % 3
    x[:, 2] = y if leak == "a copy of the class" else np.array([7, -1, 3])[y]
    (example,) = found(take(npz_of(x=x, y=y), AS_GIVEN), "target-leak").examples
    assert (example.name, example.note) == ("value 2", "goes with the class")


def test_honest_columns_give_nothing_away(take: Ingest):
    x = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    y = (x[:, 0] + 0.2 * x[:, 5] > 0).astype(np.int64)
    assert "target-leak" not in codes(take(npz_of(x=x, y=y), AS_GIVEN))


def test_constant_columns_and_rare_classes_are_said(take: Ingest):
    x = np.random.default_rng(0).normal(size=(200, 4, 40)).astype(np.float32)
    x[:, 1] = 5
    y = (np.arange(200) % 20 == 0).astype(np.int64)
    manifest = take(npz_of(x=x, y=y), AS_GIVEN)
    assert [e.name for e in found(manifest, "constant-channel").examples] == ["1"]
    assert "19 times as many" in found(manifest, "imbalanced-classes").message


def test_unreadable_files_are_one_finding_and_counted(take: Ingest):
    files = {f"{'ab'[i % 2]}/{i}.png": picture(p) for i, p in enumerate(random_pictures(24, 8, 8))}
    files |= {f"a/broken{i}.png": b"no picture" for i in range(30)}
    manifest = take(zip_of(files))
    finding = found(manifest, "left-out")
    assert (finding.count, finding.severity) == (30, "warning")
    assert finding.message == "30 file(s) were left out"
    assert finding.examples[0].name == "a/broken0.png"
    assert report_of(manifest).num_unreadable == 30
    assert len([p for p in manifest.problems if p.file]) == 30  # one by one, for clients


def test_splits_that_were_made_are_a_note_in_the_report(take: Ingest):
    manifest = take(npz_of(x=random_pictures(40, 8, 8), y=LABELS))
    made = [f for f in report_of(manifest).findings if f.code == "made-split"]
    assert [(f.severity, f.count) for f in made] == [("info", 4), ("info", 4)]
    assert {p.severity for p in manifest.problems} == {"warning"}


def test_a_split_that_could_not_be_made_is_a_warning_with_advice(take: Ingest):
    one_patient = zip_of(
        {f"{c}/{i}.dcm": scan(i, PatientID="ANON") for c in "ab" for i in range(9)}
    )
    manifest = take(one_patient)
    assert list(manifest.splits) == ["train"]
    missing = [f for f in report_of(manifest).findings if f.code == "missing-split"]
    assert [f.severity for f in missing] == ["warning", "warning"]
    assert "none was made of its 18 training samples (group, seed 0)" in missing[0].message
    assert "of 1 group(s), each of which stays whole" in missing[0].message
    assert '{"split": {"by": "random"}}' in missing[0].advice
    assert "made-split" not in {f.code for f in report_of(manifest).findings}


def test_splits_that_nobody_asked_for_are_not_missed(take: Ingest):
    manifest = take(npz_of(x=random_pictures(40, 8, 8), y=LABELS), AS_GIVEN)
    assert "missing-split" not in {f.code for f in report_of(manifest).findings}


def test_what_is_left_out_between_splits_is_counted_and_shown(take: Ingest):
    first = date(2020, 1, 1)
    rows = "".join(f"{first + timedelta(n)},{n * n % 17 + 1}\n" for n in range(100))
    options = DatasetOptions(target="level", time="day", window=5)
    manifest = take(("day,level\n" + rows).encode(), options)
    finding = found(manifest, "left-out-between-splits")
    kept = sum(split.num_samples for split in manifest.splits.values())
    assert (finding.severity, finding.count) == ("info", 95 - kept)
    assert len(finding.examples) == min(20, finding.count)


def test_rare_classes_are_one_finding_with_each_of_them(take: Ingest):
    y = np.repeat(np.arange(30), 4)
    manifest = take(npz_of(x=random_pictures(120, 8, 8), y=y), AS_GIVEN)
    finding = found(manifest, "few-samples")
    assert (finding.count, len(finding.examples)) == (30, 20)
    assert finding.message.startswith(
        '30 classes have fewer than 10 training samples: "0" has only 4 training sample(s), "1"'
    )
    assert finding.examples[0].name == "0"
    assert {p.file for p in manifest.problems} == {None}


def test_a_rejected_dataset_keeps_what_was_found(tmp_path: Path):
    x = np.random.default_rng(0).normal(size=(40, 3, 40)).astype(np.float32)
    x[3, 1, 0] = np.nan
    (tmp_path / "upload").write_bytes(npz_of(x=x, y=LABELS))
    with pytest.raises(RejectedDataset) as caught:
        ingest(tmp_path / "upload", "mine.npz", AS_GIVEN, tmp_path / "out")
    report = caught.value.report
    assert [f.code for f in report.findings if f.severity == "error"] == ["not-finite"]
    assert [c.num_not_finite for c in report.channels] == [0, 1, 0]
    assert DatasetReport.model_validate_json(report.model_dump_json()) == report


def test_a_format_tells_findings_of_its_own():
    report = Report(max_problems=5)
    report.finding("gaps-in-time", "warning", "3 gaps", 3, advice="Fill them.")
    report.finding("seen", "info", "all is well")
    for number in range(300):
        report.warning(f"odd: {number}", f"file {number}")
    odd, warning, note = report.result().findings
    assert (warning.code, warning.count, warning.advice) == ("gaps-in-time", 3, "Fill them.")
    assert (odd.code, odd.count, len(odd.examples)) == ("odd", 300, 20)
    assert (note.severity, note.message) == ("info", "all is well")
    assert [p.message for p in report.problems()][-1] == "and 296 more"


def test_every_code_has_a_row_in_the_guide_and_says_what_to_do():
    guide = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    for code, known in KNOWN.items():
        assert f"`{code}`" in guide, code
        assert known.advice.endswith((".", ")")), code
