"""The tables of the training benchmark."""

import os

from benchmarks.training import in_own_process, memory_table, speed_table


def result(speed, padding=0.25, memory=700.0):
    return {"tokens_per_second": speed, "padding": padding, "memory": memory, "flops": speed * 1e9}


RUNS = {
    "the first": [result(1300.0), result(1100.0, padding=0.5), result(1700.0, memory=900.0)],
    "another": [result(2600.0), result(3900.0), result(5200.0)],
}


def cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_speeds_are_medians_with_their_range_against_the_first():
    _, _, first, other = cells(speed_table(RUNS, None))
    assert first == ["the first", "1,300", "1,100 to 1,700", "1.00", "700", "25.0%"]
    assert other == ["another", "3,900", "2,600 to 5,200", "3.00", "700", "25.0%"]


def test_utilisation_is_shown_where_the_peak_is_known():
    head, _, first, other = cells(speed_table(RUNS, 13.0))
    assert head[-1] == "model FLOPs utilisation"
    assert (first[-1], other[-1]) == ("10.0%", "30.0%")


def test_memory_is_compared_with_the_first():
    runs = {"the first": [{"step": 500.0, "memory": 1300.0}], "another": [{"step": 200.0, "memory": 1100.0}]}
    assert cells(memory_table(runs))[2:] == [["the first", "500", "100%", "1,300"], ["another", "200", "40%", "1,100"]]


def test_a_process_that_dies_is_left_out(capfd):
    assert in_own_process(os._exit, 7) is None
    assert "left out" in capfd.readouterr().out
    assert in_own_process(dict, tokens=3) == {"tokens": 3}
