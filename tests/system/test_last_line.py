"""The last line of ``./dev test`` says what happened, and never that all is well when nothing ran."""

from __future__ import annotations

from tests.system.last_line import last_line, main

GOOD = '<testsuites><testsuite><testcase name="a"/><testcase name="b"/></testsuite></testsuites>'


def test_a_good_run_is_ok():
    assert last_line(GOOD, 0) == "OK: 2 passed, 0 failed, 0 skipped"


def test_a_check_that_failed_before_the_suite_fails_the_run():
    assert last_line(GOOD, 1).startswith("FAILED: 2 passed, 0 failed")


def test_failures_errors_skips_and_known_failures_are_told_apart():
    told = last_line(
        '<testsuite><testcase><failure/></testcase><testcase><error/></testcase><testcase/>'
        '<testcase><skipped type="pytest.skip" message="root is missing"/></testcase>'
        '<testcase><skipped type="pytest.xfail" message="known"/></testcase></testsuite>',
        1,
    )  # fmt: skip
    assert told == "FAILED: 1 passed, 2 failed, 1 skipped, 1 known to fail; 1 skipped: root is missing"


def test_a_run_without_any_test_is_no_good_run(tmp_path, capsys):
    assert last_line("<testsuite/>", 0).startswith("FAILED")
    assert main([str(tmp_path / "absent.xml"), "0"]) == 1
    assert capsys.readouterr().out.startswith("FAILED")
