"""Which test holds for which row of the matrix of faults.

Rows 1-36, 51 and 52: what a user's function may return or do, what may happen to
workers and pools, what a flow may propose, and what an ensemble may look like.  A test
named here must exist.
"""

import re

import pytest

from tests.architecture.source import ROOT

TARGETS, PROBE = "unit/targets/test_faults.py", "unit/targets/test_probe.py"
SAMPLING, KERNELS = "unit/sampling/test_faults.py", "unit/kernels/"
MOVES, WORKERS = "unit/moves/test_flow_move.py", "faults/test_workers.py"
POOLS, OWN = "unit/parallel/test_every_pool.py", "unit/parallel/test_process_pool.py"
ORDERED, EMCEE = "unit/parallel/test_ordered_map.py", "unit/parallel/test_emcee.py"
INDEPENDENCE = f"{KERNELS}test_independence.py"
ADAPTATION, SIGNALS = "unit/moves/test_adaptation.py", "unit/core/test_signals.py"
CHECKPOINT, RUN = "unit/results/test_checkpoint.py", "unit/cli/test_run.py"

# Row: what goes wrong, and the tests of what must then happen.
ROWS = {
    1: (
        "NaN at a proposal",
        (TARGETS, "test_nan_raises_naming_parameters_and_values"),
        (TARGETS, "test_nan_is_rejected_and_counted_where_asked"),
        (SAMPLING, "test_a_bad_value_is_an_error_that_names_it"),
        (SAMPLING, "test_nan_may_be_rejected_and_is_counted"),
        (MOVES, "test_bad_values_of_the_function"),
    ),
    2: (
        "NaN at a start",
        (
            "faults/test_host_values.py",
            "test_nan_at_a_start_is_named_and_nothing_is_written",
        ),
    ),
    3: (
        "-inf at all starts",
        (SAMPLING, "test_a_start_without_density_is_an_error"),
        (SAMPLING, "test_a_density_that_is_zero_everywhere_is_an_error"),
    ),
    4: (
        "-inf at some starts",
        (f"{KERNELS}test_metropolis.py", "test_nan_is_rejected_plus_infinity_accepted"),
        (INDEPENDENCE, "test_zero_density_is_left_and_never_entered"),
        (MOVES, "test_walkers_at_zero_density_are_brought_in"),
    ),
    5: (
        "+inf",
        (TARGETS, "test_plus_infinity_always_raises"),
        (MOVES, "test_bad_values_of_the_function"),
    ),
    6: (
        "+inf in log q",
        (INDEPENDENCE, "test_flawed_proposals_are_neither_evaluated_nor_accepted"),
        (MOVES, "test_walker_that_cannot_be_scored_stays"),
    ),
    7: (
        "1.797e308 instead of infinity",
        (TARGETS, "test_plus_infinity_always_raises"),
        (TARGETS, "test_minus_infinity_and_its_stand_in_are_zero_density"),
    ),
    8: ("complex, text, None", (PROBE, "test_wrong_types_are_named")),
    9: ("numbers in any wrapping", (PROBE, "test_scalar_results_of_every_kind")),
    10: (
        "a wrong number of values",
        (PROBE, "test_wrong_shapes_are_refused_with_both_shapes"),
        (TARGETS, "test_a_wrong_shape_later_on_is_typed"),
        (WORKERS, "test_results_of_the_wrong_length"),
    ),
    11: ("a sum over the batch", (PROBE, "test_points_of_a_batch_must_not_be_coupled")),
    12: ("noise", (PROBE, "test_noise_is_refused_unless_allowed")),
    13: (
        "writes into its argument",
        ("unit/targets/test_target.py", "test_theta_is_not_written_to"),
        ("unit/moves/test_evaluation.py", "test_only_usable_rows_reach_the_function"),
    ),
    14: (
        "large values in single precision",
        (PROBE, "test_large_single_precision_values_are_reported"),
    ),
    15: ("constant density", (TARGETS, "test_constant_densities_are_fine")),
    16: ("very slow calls", (WORKERS, "test_slow_is_not_dead")),
    17: (
        "prints and warns without end",
        (TARGETS, "test_noisy_printing_functions_do_no_harm"),
        (WORKERS, "test_printing_workers_do_not_block"),
    ),
    18: (
        "raises in this process",
        (TARGETS, "test_exceptions_are_chained_and_located"),
        (SAMPLING, "test_what_was_sampled_before_is_kept_and_goes_on"),
    ),
    19: (
        "raises in a worker",
        (TARGETS, "test_failures_in_a_pool_are_located"),
        (WORKERS, "test_the_error_names_the_parameters"),
        (EMCEE, "test_an_error_in_a_worker_names_the_parameters"),
    ),
    20: (
        "a lambda and a process pool",
        (TARGETS, "test_unpicklable_functions_are_refused_before_sampling"),
        (WORKERS, "test_lambdas_are_refused_before_sampling"),
    ),
    21: (
        "what cannot be pickled",
        (POOLS, "test_a_failing_point_costs_itself_only"),
        (OWN, "test_an_exception_that_cannot_travel_comes_as_text"),
        (OWN, "test_a_result_that_cannot_travel_is_told"),
    ),
    22: (
        "sys.exit and os._exit in a worker",
        (POOLS, "test_a_failing_point_costs_itself_only"),
        (WORKERS, "test_the_error_names_the_parameters"),
    ),
    23: (
        "SIGKILL",
        (POOLS, "test_a_failing_point_costs_itself_only"),
        (WORKERS, "test_a_worker_killed_from_outside_is_replaced"),
        (WORKERS, "test_a_pool_whose_lock_died_is_given_up"),
        (EMCEE, "test_a_dying_worker_is_an_error_and_not_a_hang"),
    ),
    24: ("dies at one point always", (WORKERS, "test_the_error_names_the_parameters")),
    25: ("hangs", (WORKERS, "test_a_hanging_call_is_ended")),
    26: (
        "Ctrl-C",
        (TARGETS, "test_interrupts_pass_untouched"),
        (WORKERS, "test_an_interrupt_leaves_no_worker_behind"),
        (OWN, "test_workers_end_with_a_parent_that_is_killed"),
        ("unit/sampling/test_resume.py", "test_interrupted_at_every_unit"),
    ),
    27: (
        "Ctrl-C while a checkpoint is written",
        (CHECKPOINT, "test_killing_the_writer_never_loses_the_run"),
        (SIGNALS, "test_second_signal_interrupts_and_handlers_come_back"),
    ),
    28: (
        "SIGTERM",
        (RUN, "test_signal_checkpoints_and_exits_130"),
        (SIGNALS, "test_other_threads_leave_handlers_alone"),
    ),
    29: (
        "processes after TensorFlow has started: never forked",
        (WORKERS, "test_the_error_names_the_parameters"),
        (POOLS, "test_workers_do_not_import_tensorflow"),
    ),
    30: (
        "a function of a notebook",
        (OWN, "test_functions_of_a_script_are_loaded_and_those_of_a_notebook_refused"),
        (OWN, "test_an_unguarded_script_is_told_so"),
        (POOLS, "test_functions_that_workers_cannot_load_are_refused"),
    ),
    31: (
        "pools of other packages",
        (POOLS, "test_results_come_in_order_batch_after_batch"),
        (EMCEE, "test_chains_do_not_depend_on_the_pool"),
        ("unit/sampling/test_pools.py", "test_draws_are_the_same_for_every_pool"),
        ("faults/test_mpi.py", "test_mpi_gives_the_values_of_this_process"),
    ),
    32: (
        "a short or shuffled answer",
        (ORDERED, "test_short_answers_are_refused"),
        (ORDERED, "test_answers_in_another_order_are_refused"),
    ),
    33: (
        "TensorFlow in a worker",
        (POOLS, "test_workers_do_not_import_tensorflow"),
        (OWN, "test_a_script_with_tensorflow_does_not_burden_the_workers"),
    ),
    34: (
        "the flow proposes NaN",
        (INDEPENDENCE, "test_flawed_proposals_are_neither_evaluated_nor_accepted"),
        (MOVES, "test_masked_proposals_are_counted_and_never_seen"),
    ),
    35: (
        "no log q",
        (INDEPENDENCE, "test_a_start_that_the_model_cannot_score_is_named"),
        (MOVES, "test_walker_that_cannot_be_scored_stays"),
    ),
    36: (
        "factors of a wrong shape",
        ("faults/test_moves.py", "test_a_factor_of_the_wrong_shape_is_refused"),
        ("faults/test_moves.py", "test_decide_refuses_what_is_no_factor"),
        (f"{KERNELS}test_drive.py", "test_a_target_of_the_wrong_shape"),
    ),
    51: (
        "few walkers, or walkers alike",
        (MOVES, "test_emcees_rule_on_walkers_is_kept_while_adapting"),
        (ADAPTATION, "test_degenerate_ensembles_do_not_end_the_run"),
    ),
    52: (
        "too few points to learn from",
        (ADAPTATION, "test_nothing_can_be_fitted"),
        (ADAPTATION, "test_nothing_to_learn_from"),
    ),
}


def test_every_row_has_a_test():
    assert set(ROWS) == {*range(1, 37), 51, 52}
    assert all(tests for _, *tests in ROWS.values())


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_of_a_row_exist(row):
    _, *tests = ROWS[row]
    for file, name in tests:
        text = (ROOT / "tests" / file).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), (file, name)
