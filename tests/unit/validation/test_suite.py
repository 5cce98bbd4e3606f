"""The suite of known answers: right code passes, and code that is wrong fails."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from flowmc.core.registry import KERNELS, MODELS
from flowmc.validation import Case, run_suite
from flowmc.validation.kernel_cases import SLOW, check_drift, check_kernel
from flowmc.validation.model_cases import check_model, density_names
from flowmc.validation.problems import bounded, from_known, regression
from flowmc.validation.sampler_cases import check_sample
from flowmc.validation.suite import LIGHT, _cases

NUM = 20_000


def case(run, name="made up"):
    return Case("kernels", name, run)


def passed(checks):
    return run_suite(cases=[case(lambda: checks)]).ok


@pytest.mark.parametrize("name", ["random_walk", "latent_walk"])
def test_right_kernels_pass(name):
    assert passed(check_kernel(name, num_chains=NUM, seed=1, is_compiled=False))


def test_wrong_kernel_fails_and_is_wanted_as_a_control():
    checks = check_drift(num_chains=NUM, seed=1)
    assert passed(checks)
    assert not passed([one._replace(is_control=False) for one in checks])


def test_every_kernel_is_checked():
    cases = [one for one in _cases(False, 0) if one.group == "kernels"]
    assert {one.name for one in cases} == {*KERNELS, "control"}
    quick = [one for one in _cases(True, 0) if one.group == "kernels"]
    assert {one.name for one in quick} == {*KERNELS, "control"} - {*SLOW}


def test_right_model_passes_and_wrong_density_fails(monkeypatch):
    assert passed(check_model("maf", num_draws=NUM, seed=1))
    assert {"maf", "spline_coupling"} <= set(density_names())
    assert "vae" not in density_names()
    family = MODELS.get("maf")
    right = family.sample_and_log_prob

    def wrong(self, *arguments, **options):
        x, log_prob = right(self, *arguments, **options)
        return x, 1.03 * log_prob

    monkeypatch.setattr(family, "sample_and_log_prob", wrong)
    assert not passed(check_model("maf", num_draws=NUM, seed=1))


def test_case_that_raises_fails_and_the_rest_goes_on():
    def broken():
        raise ValueError("no\nway")

    good = check_kernel("t_pcn", num_chains=NUM, seed=1, is_compiled=False)
    report = run_suite(cases=[case(broken, "first"), case(lambda: good)])
    assert not report.ok
    assert report.failures == [("kernels", "first", "ValueError: no way")]
    assert len(report.checks) == len(good)


def test_groups_are_chosen_and_progress_is_told():
    told = []
    cases = [Case(group, group, list) for group in ("models", "smc")]
    run_suite(cases=cases, groups=["smc"], progress=lambda *words: told.append(words))
    assert told[0] == ("validate", 0, 1, {"case": "smc"})
    assert told[-1][:3] == ("validate", 1, 1)


def test_interruption_leaves_what_was_found():
    from flowmc.validation import Report

    def stopped():
        raise KeyboardInterrupt

    report = Report()
    good = check_kernel("stretch", num_chains=NUM, seed=1, is_compiled=False)
    with pytest.raises(KeyboardInterrupt):
        run_suite(cases=[case(lambda: good), case(stopped)], report=report)
    assert report.checks == good


def expectations(problem, *, num=400_000, seed=0):
    """Return importance estimates of a problem's answers, with errors, by its prior."""
    target = problem.target()
    theta = np.asarray(target.sample_prior(num, seed=(seed, 1)))
    log_weight = np.asarray(target.log_likelihood(theta))
    weight = np.exp(log_weight)
    evidence = weight.mean(), weight.std() / np.sqrt(num)
    share = weight / weight.sum()
    found = {}
    for name, function in problem.functions.items():
        values = function(theta)
        mean = share @ values
        found[name] = mean, np.sqrt(np.square(share) @ np.square(values - mean))
    return evidence, found


@pytest.mark.parametrize("make", [regression, bounded, lambda: bounded("numpy")])
def test_answers_are_those_of_the_density(make):
    problem = make()
    (value, error), found = expectations(problem)
    assert abs(value - np.exp(problem.log_evidence)) < 4.5 * error
    assert error < 0.05 * value
    assert set(found) == set(problem.truths)
    for name, (mean, deviation) in found.items():
        assert abs(mean - problem.truths[name]) < 4.5 * deviation, name


def test_both_bounded_likelihoods_agree():
    graph, host = bounded().target(), bounded("numpy").target()
    theta = np.asarray(host.sample_prior(100, seed=(1, 2)))
    np.testing.assert_allclose(graph.log_prob(theta), host.log_prob(theta), rtol=1e-10)


def test_weight_of_a_mode():
    from flowmc.targets import two_gaussians

    problem = from_known(two_gaussians(2, weight=0.3), has_modes=True)
    assert problem.truths["weight of a mode"] == pytest.approx(0.3)


@pytest.mark.full
def test_sampler_passes_and_a_wrong_answer_fails():
    """The negative control: one answer off by 0.1 sd, one evidence by 0.05."""
    problem = regression()
    checks, _ = check_sample("regression", problem, seed=5, **LIGHT)
    assert passed(checks)
    shifted = {**problem.truths, "E[slope]": problem.truths["E[slope]"] + 0.02}
    wrong = replace(problem, truths=shifted, log_evidence=problem.log_evidence + 0.05)
    checks, _ = check_sample("regression", wrong, seed=5, **LIGHT)
    report = run_suite(cases=[case(lambda: checks)])
    failed = {one.quantity for one in report.failed}
    assert failed == {"E[slope]", "ln Z, importance", "ln Z, bridge"}


def command(*words):
    code = "import sys; from flowmc.cli.main import main; sys.exit(main())"
    return [sys.executable, "-c", code, "validate", *words]


def environment():
    return os.environ | {"PYTHONPATH": ":".join(filter(None, sys.path))}


@pytest.mark.full
@pytest.mark.parametrize("words", [["--quick"], []])
def test_the_whole_suite_passes(words):
    done = subprocess.run(
        command(*words, "--json", "--seed", "11"),
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    found = json.loads(done.stdout)
    bad = [one for one in found["checks"] if not one["passed"]]
    assert done.returncode == 0, (bad, found["failures"])


@pytest.mark.full
def test_control_c_ends_it_cleanly():
    process = subprocess.Popen(
        command("--quick"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    for line in process.stderr:
        if "validate:" in line:
            break
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert out == ""
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("flowmc: Interrupted after")
