"""How columns of text write moments and numbers, which all their cells decide."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset
from trainyard.datasets.samples import decode_samples

from .conftest import Ingest, messages
from .tables import csv_of, days, parquet_of

ALL = SplitOptions(val=0, test=0)
SERIES: dict[str, Any] = {"target": "y", "time": "when", "window": 4, "split": ALL}
NEW_YEAR = datetime(1999, 12, 1)


def samples(tmp_path: Path) -> np.ndarray:
    return np.array(open_dataset(tmp_path / "store" / "out").splits["train"][0])


def shuffled(when: list[Any]) -> bytes:
    """A series that counts up from 0, with its rows in disorder."""
    order = np.random.default_rng(1).permutation(len(when))
    return csv_of(("when", "y"), [[when[n], n] for n in order])


def codes(manifest: Any) -> dict[str, str]:
    return {finding.code: finding.message for finding in manifest.report.findings}


@pytest.mark.parametrize(
    "written",
    [
        "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d", "%d-%m-%Y", "%d.%m.%y",
        "%m/%d/%y", "%d-%b-%Y", "%d %b %Y", '"%b %d, %Y"', "%d/%m/%Y %H:%M",
        "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.%f000", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S+02:00",
    ],
)  # fmt: skip
def test_moments_are_read_as_people_write_them(take: Ingest, tmp_path: Path, written):
    """Over the turn of a century, which years of two digits must not put last."""
    when = [(NEW_YEAR + timedelta(days=n)).strftime(written) for n in range(60)]
    manifest = take(shuffled(when), DatasetOptions(**SERIES))
    assert samples(tmp_path)[:, 0, 0].tolist() == list(range(56))
    assert "gap" not in messages(manifest)
    assert not {"doubtful-dates", "left-out"} & {*codes(manifest)}


@pytest.mark.parametrize(
    "when",
    [
        list(range(60)),
        [1_577_836_800 + 86_400 * n for n in range(60)],
        [n / 4 for n in range(60)],
        [1900 + n for n in range(60)],
    ],
    ids=["counted", "seconds", "fractions", "years"],
)
def test_numbers_are_moments_in_text_as_in_parquet(take: Ingest, tmp_path: Path, when):
    of_text = take(shuffled(when), DatasetOptions(**SERIES))
    assert samples(tmp_path)[:, 0, 0].tolist() == list(range(56))
    of_parquet = take(
        parquet_of({"when": when, "y": list(range(60))}), DatasetOptions(**SERIES), name="other"
    )
    assert of_text.sha256 == of_parquet.sha256


def test_fractions_count_in_the_unit_of_whole_moments_read_apart(take: Ingest, tmp_path: Path):
    when = [*(n / 2 for n in range(16_384)), *range(8192, 8292)]  # the first batch, and another
    rows = {"when": np.array(when, np.float64), "y": np.arange(len(when))}
    take(parquet_of(rows), DatasetOptions(**SERIES))
    assert samples(tmp_path)[:, 0, 0].tolist() == list(range(len(when) - 4))


def test_the_last_cell_can_decide_between_day_and_month(take: Ingest, tmp_path: Path):
    when = [datetime(2020, 1, 1) + timedelta(minutes=15 * n) for n in range(1300)]
    written = [moment.strftime("%d/%m/%Y %H:%M") for moment in when]
    assert written[1150:1153] == ["12/01/2020 23:30", "12/01/2020 23:45", "13/01/2020 00:00"]
    manifest = take(
        csv_of(("when", "y"), list(zip(written, range(1300), strict=True))),
        DatasetOptions(**SERIES),
    )
    assert samples(tmp_path)[:, 0, 0].tolist() == list(range(1296))
    assert manifest.series.time_format == "%d/%m/%Y %H:%M"
    assert not {"doubtful-dates", "left-out"} & {*codes(manifest)}


def test_day_and_month_in_doubt_are_said_and_the_option_decides(take: Ingest, tmp_path: Path):
    """The first ten days of January and February: by month first, they are mixed."""
    when = [f"{day:02}/{month:02}/2020" for month in (1, 2) for day in range(1, 11)]
    rows = csv_of(("when", "y"), list(zip(when, range(20), strict=True)))
    said = codes(take(rows, DatasetOptions(**SERIES)))["doubtful-dates"]
    assert said == (
        '"when" is read as month/day/year, though every moment could be day/month/year too; the '
        "option `time_format` decides otherwise: %d/%m/%Y"
    )
    by_month = [n for day in range(10) for n in (day, day + 10)]
    assert samples(tmp_path)[:, 0, 0].tolist() == by_month[:16]
    options = DatasetOptions(**SERIES, time_format="%d/%m/%Y")
    manifest = take(rows, options, name="told")
    told = open_dataset(tmp_path / "store" / "told").splits["train"][0]
    assert told[:, 0, 0].tolist() == list(range(16))
    assert "doubtful-dates" not in codes(manifest)


def test_a_time_format_that_does_not_fit_or_is_unknown_is_refused(refuse):
    rows = csv_of(("when", "y"), [[day, n] for n, day in enumerate(days(40))])
    options = DatasetOptions(**SERIES, time_format="%d/%m/%Y")
    assert (
        'options.time_format: %d/%m/%Y fits 0 of 40 cells of "when"; received "2020-01-01" in '
        "mine.zip row 1" in refuse(rows, options)
    )
    with pytest.raises(ValidationError, match="expected one of ISO 8601, %Y%m%d, "):
        DatasetOptions(**SERIES, time_format="%d/%q")


def test_rows_to_predict_are_dated_as_the_training_data_were(take: Ingest, tmp_path: Path):
    """The first days of a month do not tell which part is the month; training did."""
    when = [(NEW_YEAR + timedelta(days=n)).strftime("%d/%m/%Y") for n in range(60)]
    manifest = take(shuffled(when), DatasetOptions(**SERIES))
    asked = tmp_path / "asked"
    recent = [["01/03/2000", 7], ["02/03/2000", 8], ["03/02/2000", 5], ["04/02/2000", 6]]
    asked.write_bytes(csv_of(("when", "y"), recent))
    names, found = decode_samples(asked, "asked.csv", manifest)
    assert found.tolist() == [[[5, 6, 7, 8]]]
    assert names == ["the series 2000-02-03 to 2000-03-02"]
    asked.write_bytes(csv_of(("when", "y"), [[day, n] for n, day in enumerate(days(4))]))
    assert decode_samples(asked, "asked.csv", manifest)[1].tolist() == [[[0, 1, 2, 3]]]


def read(take: Ingest, tmp_path: Path, cells: list[str], delimiter: str = ",") -> Any:
    """What a column of such cells is read as, and the findings."""
    rows = [[cell, n % 2] for n, cell in enumerate(cells)]
    manifest = take(csv_of(("a", "y"), rows, delimiter), DatasetOptions(target="y", split=ALL))
    return samples(tmp_path)[:, 0, 0].tolist(), codes(manifest)


@pytest.mark.parametrize(
    ("cells", "delimiter", "expected", "said"),
    [
        (['"1,000.50"', '"12,000"', "7"], ",", [1000.5, 12_000, 7], '"1,000.50", are read as 1000'),
        (["1.234,50", "1.000.000", "0,5"], ";", [1234.5, 1e6, 0.5], '"1.234,50", are read as 1234'),
        (["$5", "-$2.50", "$ 7"], ",", [5, -2.5, 7], '"$5", are read as 5'),
        (["5 €", "2,50 €", "-7,25€"], ";", [5, 2.5, -7.25], '"5 €", are read as 5'),
        (["12%", "7.5 %", "-3%"], ",", [12, 7.5, -3], '"12%", are read as 12'),
        (["1 234,5", "12\u00a0345", "999"], ";", [1234.5, 12_345, 999], "are read as 1234.5"),
    ],
)  # fmt: skip
def test_marks_of_thousands_currencies_and_percent_are_read(
    take: Ingest, tmp_path: Path, cells, delimiter, expected, said
):
    found, codes = read(take, tmp_path, cells * 10, delimiter)
    assert found[:3] == expected
    assert said in codes["read-as"]
    assert not {"doubtful-numbers", "left-out"} & {*codes}


def test_a_point_before_three_digits_is_none_in_a_file_of_decimal_commas(
    take: Ingest, tmp_path: Path
):
    """Of two columns one shows what commas are; the other has none, and is told as doubtful."""
    cells = ["950", "980", "999", "1.000", "1.020"]
    rows = [[cell, f"{n},5", n % 2] for n, cell in enumerate(cells * 6)]
    data = csv_of(("a", "b", "y"), rows, ";")
    manifest = take(data, DatasetOptions(target="y", split=ALL))
    assert samples(tmp_path)[:5, :, 0].tolist() == [
        [950, 0.5], [980, 1.5], [999, 2.5], [1000, 3.5], [1020, 4.5]
    ]  # fmt: skip
    assert codes(manifest)["doubtful-numbers"].startswith(
        'cells of "a", such as "1.000", are read as 1000; nothing in the column tells'
    )


def test_a_column_of_points_stays_one_in_a_file_of_decimal_commas(take: Ingest, tmp_path: Path):
    rows = [[f"0.{n:03}", f"{n},5", n % 2] for n in range(30)]
    take(csv_of(("a", "b", "y"), rows, ";"), DatasetOptions(target="y", split=ALL))
    found = samples(tmp_path)[:, :, 0]
    np.testing.assert_allclose(found[:, 0], np.arange(30) / 1000, rtol=1e-6)
    assert found[:, 1].tolist() == [n + 0.5 for n in range(30)]


def test_commas_before_three_digits_between_tabs_are_thousands_in_doubt(
    take: Ingest, tmp_path: Path
):
    found, codes = read(take, tmp_path, ["950", "1,000", "1,020"] * 10, "\t")
    assert found[:3] == [950, 1000, 1020]
    assert 'such as "1,000", are read as 1000' in codes["doubtful-numbers"]
