"""A damaged chapter in the whole workflow: refused by name, or left out and told of."""

from __future__ import annotations

import av
from filming import read_jpeg
from project import Project

from clapboard.artifacts import read_csv, read_parquet


def test_damage_is_refused_by_name_or_skipped_and_listed(project: Project):
    chapter = project.chapters("S2C1")[0]
    with av.open(str(chapter)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(chapter.read_bytes())
    for position, size in packets[40:44]:
        data[position + 5 : position + size] = bytes(size - 5)
    chapter.write_bytes(data)

    refused = project.snakemake("--cores", "2", "--show-failed-logs", "dataset", check=False)
    assert refused.status
    assert f"{chapter.name}: " in refused.screen
    assert "wanted frames cannot be decoded" in refused.screen

    project.configure(video={"damaged": "skip"})
    project.run("dataset")
    lost = {
        frame
        for row in read_csv(project.results / "audit" / "damaged.csv")
        for frame in range(int(row["first_frame"]), int(row["last_frame"]) + 1)
    }
    table = read_parquet(project.results / "Data" / "manifest.parquet")[0].to_pylist()
    kept = {row["frame"]: row for row in table if row["recording"] == "S2C1"}
    assert 4 <= len(lost) <= 20
    assert kept and not lost & set(kept)
    for frame, row in kept.items():
        assert read_jpeg(project.results / "Data" / row["path"]) == frame
