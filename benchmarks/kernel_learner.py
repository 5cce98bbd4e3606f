"""A flow that HMC trains on its own draws, or on exact ones, and the runs it makes.

Everything spent on the way is counted: gradients, evaluations without one as much, and
seconds with compilation and training.
"""

__all__ = ["Learner"]

import time
from typing import Any

import numpy as np
from kernel_peers import Run

from flowmc import fit, kernels, models
from flowmc.core.seeds import fold_in
from flowmc.kernels.adaptation import Adaptation
from flowmc.models.saving import get_arrays, set_arrays
from flowmc.sampling.chain_runners import make_runner
from flowmc.sampling.space import Space
from flowmc.training.trainer import Trainer

NUM_CHAINS = 64
NUM_RECORDED = 200  # steps: 12,800 draws
AFFINE_STEPS = (30, 30, 50)  # steps of each stage; a fit follows each
FLOW_STEPS = (40, 60, 120, 320)
MAX_AFFINE_LEAPFROGS = 48  # far off its goal, an affine map asks for long trajectories
NUM_SETTLING = 40  # steps with the last flow before anything is recorded
NUM_JUDGED = 5000  # exact draws that a flow is judged by
CAPACITY = 16_384  # of the draws to fit to, so that all fits are one program
NUM_EXACT_DRAWS = 10_000
KINDS = (("hmc", ""), ("nuts", ", nuts"))  # name and label; NUTS for one seed only


class Learner:
    """Trains a flow by its own draws, or on exact ones, and samples with it.

    Args:
        problem: What to sample.
        family: Of the flow.
        seed: Of everything.
        quick: Short stages.
    """

    def __init__(self, problem: Any, family: str, *, seed: int, quick: bool):
        self._problem, self._quick, self._with_nuts = problem, quick, seed == 0
        self.seed, self._num_fits = fold_in(seed, problem.name, family), 0
        self.space = Space(problem.target.target())
        self.cost = 0  # gradients, and evaluations without one as much
        self._start = problem.starts(NUM_CHAINS, seed=seed)
        self._flow = models.make(
            family, event_size=self.space.event_size, seed=self.seed
        )
        self._trainer = None
        if self._flow.trainable_variables:
            self._untrained = get_arrays(self._flow)
            self._trainer = Trainer(self._flow)

    def learn(self) -> list[tuple[str, Run]]:
        """Learn from draws; return the runs of HMC and, with the same flow, of NUTS."""
        started, x = time.perf_counter(), self._start
        affine = models.make("gaussian", event_size=self.space.event_size)
        affine.fit_whitening(x)
        chains = Chains(self, affine, "hmc", MAX_AFFINE_LEAPFROGS)
        for steps in self._short(AFFINE_STEPS):
            draws, x = chains.advance(x, steps)
            affine.fit_whitening(draws.reshape(-1, x.shape[1]))
        self._fit(draws)
        if self._trainer is None:
            return self._finish(x, started, None)
        chains = Chains(self, self._flow, "hmc")
        for steps in self._short(FLOW_STEPS):
            before = draws
            draws, x = chains.advance(x, steps)
            self._fit(np.concatenate([before, draws]))
        return self._finish(x, started, chains)

    def be_told(self) -> list[tuple[str, Run]]:
        """Fit to exact draws; the same runs, the fit being free of gradients."""
        started = time.perf_counter()
        count = 1000 if self._quick else NUM_EXACT_DRAWS
        exact = self._problem.target.sample(count, seed=fold_in(self.seed, "exact"))
        self._fit(exact)
        return self._finish(exact[:NUM_CHAINS], started, None)

    def divergence(self) -> float:
        """Return KL(target, flow) in nats."""
        exact = self._problem.target.sample(NUM_JUDGED, seed=9)
        log_q = self._flow.log_prob(exact).numpy()
        target = self._problem.target
        log_p = target.log_prob(exact).numpy() - target.log_evidence
        return float(np.mean(log_p - log_q))

    def _fit(self, draws: np.ndarray) -> None:
        """Fit from the start: draws that come later lie elsewhere."""
        draws = draws.reshape(-1, draws.shape[-1])[-CAPACITY:]
        if self._trainer is None:
            self._flow.fit_whitening(draws)
            return
        set_arrays(self._flow, self._untrained)
        self._trainer.adam.reset()
        self._num_fits += 1
        fit(
            self._flow,
            draws,
            seed=fold_in(self.seed, self._num_fits),
            trainer=self._trainer,
            capacity=CAPACITY,
            max_steps=100 if self._quick else 2000,
        )

    def _finish(self, x: np.ndarray, started: float, chains: Any) -> list:
        """Settle and record with HMC, by `chains` if there are some, and with NUTS."""
        runs, num_steps = [], 25 if self._quick else NUM_RECORDED
        learned, elapsed = self.cost, time.perf_counter() - started
        divergence = self.divergence()
        for name, label in KINDS if self._with_nuts else KINDS[:1]:
            self.cost, started = learned, time.perf_counter()
            if chains is None or name == "nuts":
                chains = Chains(self, self._flow, name)
            _, last = chains.advance(x, NUM_SETTLING)
            settled, warm = self.cost, time.perf_counter()
            draws = chains.record(last, num_steps)
            seconds = time.perf_counter() - warm
            run = Run(
                draws.reshape(-1, x.shape[1]),
                settled,
                self.cost - settled,
                elapsed + warm - started,
                seconds,
                divergence,
            )
            runs.append((label, run))
        return runs

    def _short(self, steps: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(10 for _ in steps) if self._quick else steps


class Chains:
    """HMC or NUTS in the space of one map, adapting stage by stage.

    Args:
        learner: Whose target, seed and cost these are.
        model: The map; chains see it as it is at each stage.
        name: "hmc" or "nuts".
        longest: Most leapfrog steps of HMC, or None.
    """

    def __init__(self, learner: Learner, model: Any, name: str, longest: Any = None):
        self._learner = learner
        options = {} if longest is None else {"max_leapfrog_steps": longest}
        size = learner.space.event_size
        inner = kernels.make(name, step_size=1.2 * size**-0.25, **options)
        self._kernel = kernels.make(
            "preconditioned", model=model, inner=inner, max_round_trip_error=None
        )
        self._runner = make_runner(self._kernel, learner.space, num_chains=NUM_CHAINS)
        self._count = 0

    def advance(self, x: np.ndarray, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Adapt for some steps; return all draws but early ones, and the last."""
        state = self._init(x)
        adaptation = Adaptation(self._kernel)
        draws = []
        for _ in range(num_steps):
            state, block = self._run(state, 1)
            adaptation.update(block.part_acceptance[0], float(block.slope[0]))
            draws.append(block.position[0])
        self.settings = adaptation.freeze()
        return np.stack(draws[num_steps // 4 :]), draws[-1]

    def record(self, x: np.ndarray, num_steps: int) -> np.ndarray:
        """Return draws `[num_steps, num_chains, D]` with everything frozen."""
        _, block = self._run(self._init(x), num_steps)
        return block.position

    def _init(self, x: np.ndarray) -> Any:
        self._learner.cost += 2 * len(x)  # density and gradient
        return self._runner.init(x, self._learner.space.log_prob(x))

    def _run(self, state: Any, count: int) -> tuple:
        state, block, tally = self._runner.run(
            state, first=self._count, count=count, seed=self._learner.seed
        )
        self._count += count
        counts = tally.as_dict()
        self._learner.cost += counts["log_prob_calls"] + counts["gradient_calls"]
        return state, block
