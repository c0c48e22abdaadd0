"""A model of series is tried with a table: a line for each series, and what is wrong by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.service import Service

pytestmark = pytest.mark.xdist_group("service")


def table(*names: str, num: int) -> str:
    rows = [f"{n},{name},{n * (1 + place)}" for place, name in enumerate(names) for n in range(num)]
    return "\n".join(["step,name,level", *rows])


def test_a_table_is_dropped_and_every_series_told(page: Page, service: Service, tmp_path: Path):
    file = tmp_path / "levels.csv"
    file.write_text(table("A", "B", num=40))
    options = {"target": "level", "time": "step", "group": "name", "window": 4, "horizon": 2}
    layers = [{"type": "flatten"}, {"type": "linear", "out_features": "num_outputs"}]
    with service.client() as client:
        dataset = client.add_dataset(file, options=options)
        spec = {"dataset": dataset["id"], "model": {"layers": layers}, "training": {"epochs": 1}}
        job = client.wait(client.submit(spec)["id"])
        assert job["status"] == "succeeded", job["reason"]
        told = client.predict(job["id"], file)
    page.goto(f"/jobs/{job['id']}")
    page.get_by_role("tab", name="Try it").click()
    page.get_by_label("Drop a table").set_input_files(file)
    lines = page.get_by_test_id("predictions").get_by_role("row")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_have_text("Samplelevel+1level+2")
    for line, one in zip(lines.all()[1:], told, strict=True):
        expect(line).to_contain_text(one["sample"])
        expect(line).to_contain_text("36 to 39")

    file.write_text(table("A", num=3))
    page.get_by_label("Drop a table").set_input_files(file)
    expect(page.get_by_text("A has 3 complete rows; the model sees 4")).to_be_visible()
