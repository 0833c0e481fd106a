"""Estimates agree with those of R to 1e-6, and p to 1e-4."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.estimates.agreement import bland_altman, icc_a1, kappa
from reperfuse.analysis.estimates.contrasts import compare_groups, hodges_lehmann
from reperfuse.analysis.estimates.estimate import Estimate
from reperfuse.analysis.estimates.linear import linear_effect
from reperfuse.analysis.estimates.logistic import firth_effect, interaction_effect, logistic_effect
from reperfuse.analysis.estimates.ordinal import (
    brant_test,
    ordinal_effect,
    proportional_odds_test,
    standardised_shares,
)
from reperfuse.analysis.estimates.proportions import wilson

pytestmark = [pytest.mark.external, pytest.mark.slow]
AskR = Callable[..., dict[str, float]]
COVARIATES = ["age", "sex"]
ESTIMATE, P = {"rel": 1e-6, "abs": 1e-9}, {"rel": 1e-4, "abs": 1e-4}
SUMMARY = "result <- c(value=c(b), low=c(b - qnorm(.975)*s), high=c(b + qnorm(.975)*s), p=2*pnorm(-abs(b/s)))"


@pytest.fixture
def ask_r(tmp_path: Path) -> AskR:
    """Run R on a table `d`; return the named numbers of its `result`."""

    def ask(code: str, frame: pd.DataFrame | None = None, packages: tuple[str, ...] = ()) -> dict[str, float]:
        if shutil.which("Rscript") is None:
            pytest.skip("Rscript is not installed")
        table, script = tmp_path / "table.csv", tmp_path / "script.R"
        (pd.DataFrame() if frame is None else frame).to_csv(table, index=False, float_format="%.17g")
        checks = [f"if (!requireNamespace('{name}', quietly=TRUE)) quit(status=3)" for name in packages]
        read = [] if frame is None else [f"d <- read.csv('{table}')"]
        show = "cat(sprintf('\\n%s=%.17g', names(result), result), sep='')"
        script.write_text("\n".join([*checks, *read, code, show]))
        run = subprocess.run(["Rscript", script], capture_output=True, text=True, check=False)
        if run.returncode == 3:
            pytest.skip(f"R has not all of {', '.join(packages)}")
        assert run.returncode == 0, run.stderr
        pairs = (line.split("=") for line in run.stdout.splitlines() if line.count("=") == 1)
        return {name: float(value) for name, value in pairs}

    return ask


def cohort(n: int = 90, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "imr": (rng.random(n) < 0.3).astype(float),
            "age": rng.normal(70, 12, n).round(1),
            "sex": rng.choice(["female", "male"], n),
            "profile": rng.choice(["no target", "target"], n),
        }
    )
    latent = 0.8 * frame["imr"] + 0.03 * (frame["age"] - 70) + rng.logistic(size=n)
    frame["mrs"] = np.digitize(latent, [-1.5, -0.5, 0.4, 1.5]).astype(float)
    frame["good"] = (frame["mrs"] <= 1).astype(float)
    frame["nihss"] = 6 + 3 * frame["imr"] + 0.1 * (frame["age"] - 70) + rng.normal(0, 2 + 2 * frame["imr"])
    frame.loc[::9, "age"] = np.nan
    return frame


def assert_same(ours: Estimate, theirs: dict[str, float], ratio: bool = False) -> None:
    numbers = np.array([ours.value, ours.low, ours.high])
    expected = [theirs[name] for name in ("value", "low", "high")]
    assert (np.log(numbers) if ratio else numbers) == pytest.approx(expected, **ESTIMATE)
    assert ours.p == pytest.approx(theirs["p"], **P)
    assert theirs.get("n", ours.n) == ours.n


def test_linear(ask_r: AskR) -> None:
    frame = cohort()
    code = """
    m <- lm(nihss ~ imr + age + sex, d); v <- sandwich::vcovHC(m, type="HC3")
    b <- coef(m)["imr"]; s <- sqrt(v["imr", "imr"]); q <- qt(.975, m$df.residual)
    result <- c(value=c(b), low=c(b - q*s), high=c(b + q*s), p=lmtest::coeftest(m, vcov=v)["imr", 4],
                n=nobs(m), r2=summary(m)$r.squared)
    names(result)[1:3] <- c("value", "low", "high")"""
    theirs = ask_r(code, frame, ("sandwich", "lmtest"))
    ours = linear_effect(frame, "nihss", "imr", COVARIATES)
    assert_same(ours, theirs)
    assert ours.r2 == pytest.approx(theirs["r2"], **ESTIMATE)


GLM = (
    """
m <- glm({model}, binomial, d, epsilon=1e-14, maxit=100)
b <- coef(m)["{term}"]; s <- sqrt(vcov(m)["{term}", "{term}"])
"""
    + SUMMARY
    + "\nnames(result) <- c('value', 'low', 'high', 'p'); result <- c(result, n=nobs(m))"
)


def test_logistic(ask_r: AskR) -> None:
    frame = cohort()
    theirs = ask_r(GLM.format(model="good ~ imr + age + sex", term="imr"), frame)
    assert_same(logistic_effect(frame, "good", "imr", COVARIATES), theirs, ratio=True)


def test_interaction(ask_r: AskR) -> None:
    frame = cohort()
    ours = interaction_effect(frame, "good", "imr", "profile", ["age"])
    code = GLM.format(model="good ~ imr * other + age", term="{term}")
    for reference in ours.strata:
        table = frame.assign(other=(frame["profile"] != reference).astype(float))
        n = ours.strata[reference].n
        assert_same(ours.strata[reference], ask_r(code.format(term="imr"), table) | {"n": n}, ratio=True)
    second = frame.assign(other=(frame["profile"] == "target").astype(float))
    assert_same(ours.interaction, ask_r(code.format(term="imr:other"), second), ratio=True)


FIRTH = """
d <- na.omit(d[c("good", "imr", "age", "sex")])
m <- glm(good ~ imr + age + sex, binomial, d, method=brglm2::brglmFit, type="AS_mean",
         control=list(epsilon=1e-13, maxit=1000))
x <- model.matrix(m); y <- d$good
penalised <- function(b) {
  p <- plogis(x %*% b); w <- c(p * (1 - p))
  sum(dbinom(y, 1, p, log=TRUE)) + determinant(crossprod(x * sqrt(w)))$modulus / 2
}
held <- function(at) {
  f <- function(rest) -penalised(c(rest[1], at, rest[-1]))
  o <- optim(coef(m)[-2], f, method="BFGS", control=list(reltol=1e-15, maxit=1000, parscale=c(1, .01, 1)))
  -optim(o$par, f, method="BFGS", control=list(reltol=1e-16, maxit=1000, parscale=c(1, .01, 1)))$value
}
top <- penalised(coef(m)); b <- coef(m)[["imr"]]
cross <- function(at) 2 * (top - held(at)) - qchisq(.95, 1)
result <- c(value=b, low=uniroot(cross, c(b - 8, b), tol=1e-11)$root, high=uniroot(cross, c(b, b + 8), tol=1e-11)$root,
            p=pchisq(2 * (top - held(0)), 1, lower.tail=FALSE), n=nrow(d))"""


@pytest.mark.parametrize("separated", [False, True])
def test_firth(ask_r: AskR, separated: bool) -> None:
    frame = cohort(50)
    if separated:
        frame.loc[frame["imr"] == 1, "good"] = 0.0
    theirs = ask_r(FIRTH, frame, ("brglm2",))
    assert_same(firth_effect(frame, "good", "imr", COVARIATES), theirs, ratio=True)


POLR = """
d <- na.omit(d[c("mrs", "imr", "age", "sex")]); d$mrs <- factor(d$mrs); d$age <- (d$age - 70) / 10
m <- MASS::polr(mrs ~ imr + age + sex, d, Hess=TRUE, control=list(reltol=1e-16, maxit=1000))
"""


def test_ordinal(ask_r: AskR) -> None:
    frame = cohort()
    code = POLR + "b <- coef(m)['imr']; s <- sqrt(vcov(m)['imr', 'imr']);" + SUMMARY
    code += "\nnames(result) <- c('value', 'low', 'high', 'p')"
    theirs = ask_r(code, frame, ("MASS",))
    assert_same(ordinal_effect(frame, "mrs", "imr", COVARIATES), theirs, ratio=True)


def test_standardised_shares(ask_r: AskR) -> None:
    frame = cohort()
    code = POLR + "result <- sapply(0:1, function(v) colMeans(predict(m, transform(d, imr=v), 'probs')))"
    theirs = ask_r(code + "; result <- setNames(c(result), 1:10)", frame, ("MASS",))
    shares = standardised_shares(frame, "mrs", "imr", COVARIATES)
    assert shares.to_numpy().ravel() == pytest.approx(list(theirs.values()), **ESTIMATE)


@pytest.mark.parametrize("covariates", [[], ["age"], COVARIATES])
def test_brant(ask_r: AskR, covariates: list[str]) -> None:
    frame = cohort(200)
    model = " + ".join(["mrs ~ imr", *covariates])
    # car 3.1 fills the lower half of the covariances without turning its blocks
    code = f"""
    d$mrs <- factor(d$mrs); t <- car::poTest(MASS::polr({model}, d, Hess=TRUE))
    v <- t$vcov; v[lower.tri(v)] <- t(v)[lower.tri(v)]
    contrast <- t$D %*% c(t$b[, -1]); chisq <- c(t(contrast) %*% solve(t$D %*% v %*% t(t$D)) %*% contrast)
    result <- c(value=chisq, p=pchisq(chisq, t$df, lower.tail=FALSE), car=c(t$chisq))"""
    theirs = ask_r(code, frame.dropna(), ("MASS", "car"))
    ours = brant_test(frame.dropna(), "mrs", "imr", covariates)
    assert ours.value == pytest.approx(theirs["value"], **ESTIMATE)
    assert ours.value == pytest.approx(theirs["car"], rel=0.01 if covariates else 1e-6)
    assert ours.p == pytest.approx(theirs["p"], **P)


SCORE = (
    POLR
    + """
x <- model.matrix(~ imr + age + sex, d); cuts <- seq_along(m$zeta); grade <- as.integer(d$mrs)
start <- lapply(m$zeta, function(z) c(-z, coef(m)))
one_step <- function(j) coef(suppressWarnings(glm.fit(x, grade > j, family=binomial(), start=start[[j]],
                                                      control=list(maxit=1))))
b <- unlist(lapply(cuts, function(j) one_step(j)[-1])); p <- sapply(start, function(s) plogis(x %*% s))
part <- function(j, k) solve(crossprod(x, x * p[, j] * (1 - p[, j])),
                             crossprod(x, x * p[, max(j, k)] * (1 - p[, min(j, k)])))
block <- function(j, k) (part(j, k) %*% solve(crossprod(x, x * p[, k] * (1 - p[, k]))))[-1, -1]
v <- do.call(rbind, lapply(cuts, function(j) do.call(cbind, lapply(cuts, function(k) block(j, k)))))
contrast <- cbind(-1, diag(length(cuts) - 1)) %x% diag(3)
chisq <- t(contrast %*% b) %*% solve(contrast %*% v %*% t(contrast)) %*% (contrast %*% b)
result <- c(value=c(chisq), p=pchisq(c(chisq), nrow(contrast), lower.tail=FALSE))"""
)


def test_proportional_odds(ask_r: AskR) -> None:
    frame = cohort()
    theirs, ours = ask_r(SCORE, frame, ("MASS",)), proportional_odds_test(frame, "mrs", "imr", COVARIATES)
    assert ours.value == pytest.approx(theirs["value"], **ESTIMATE)
    assert ours.p == pytest.approx(theirs["p"], **P)


def test_hodges_lehmann_and_mann_whitney(ask_r: AskR) -> None:
    frame = cohort()
    code = """
    w <- wilcox.test(nihss ~ factor(imr, c(1, 0)), d, conf.int=TRUE, exact={exact})
    result <- c(value=w$estimate[[1]], low=w$conf.int[1], high=w$conf.int[2], p=w$p.value)"""
    groups = [frame.loc[frame["imr"] == value, "nihss"] for value in (1, 0)]
    few = frame.iloc[:60]
    few_groups = [few.loc[few["imr"] == value, "nihss"] for value in (1, 0)]
    assert_same(hodges_lehmann(*few_groups), ask_r(code.format(exact="TRUE"), few))
    # R's approximation is by root finding: between the same two differences
    theirs = ask_r(code.format(exact="FALSE"), frame.round({"nihss": 0}))
    tied = hodges_lehmann(*(group.round(0) for group in groups))
    assert [tied.value, tied.low, tied.high] == pytest.approx([theirs[x] for x in ("value", "low", "high")], abs=1e-3)
    assert tied.p == pytest.approx(theirs["p"], **P)


@pytest.mark.parametrize(
    ("values", "n", "r", "name"),
    [
        ("sex", 90, "fisher.test(table(d$value, d$imr))", "Fisher"),
        ("mrs", 90, "chisq.test(table(d$value, d$imr), correct=FALSE)", "chi-square"),
        ("mrs", 30, "fisher.test(table(d$value, d$imr))", "Fisher-Freeman-Halton"),
    ],
)
def test_categories(ask_r: AskR, values: str, n: int, r: str, name: str) -> None:
    frame = cohort().iloc[:n].assign(value=lambda rows: rows[values])
    ours = compare_groups(frame["value"], frame["imr"], "categories")
    assert ours.test == name
    assert ours.p == pytest.approx(ask_r(f"result <- c(p={r}$p.value)", frame)["p"], rel=1e-6)


@pytest.mark.parametrize(("k", "n"), [(8, 33), (0, 12), (5, 5), (400, 1000)])
def test_wilson(ask_r: AskR, k: int, n: int) -> None:
    test = f"t <- prop.test({k}, {n}, correct=FALSE)"
    theirs = ask_r(test + "; result <- c(value=t$estimate[[1]], low=t$conf.int[1], high=t$conf.int[2])")
    ours = wilson(k, n)
    assert [ours.value, ours.low, ours.high] == pytest.approx(list(theirs.values()), **ESTIMATE)


def test_icc(ask_r: AskR) -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(40, 15, 30)
    frame = pd.DataFrame({"a": truth + rng.normal(0, 5, 30), "b": truth + 3 + rng.normal(0, 5, 30)})
    code = """
    t <- psych::ICC(d, lmer=FALSE)$results; t <- t[t$type == "ICC2", ]
    result <- c(value=t$ICC, low=t[["lower bound"]], high=t[["upper bound"]], p=t$p)"""
    assert_same(icc_a1(frame["a"], frame["b"]), ask_r(code, frame, ("psych",)))


def test_bias(ask_r: AskR) -> None:
    frame = cohort()
    code = """
    t <- t.test(d$nihss, d$mrs, paired=TRUE)
    result <- c(value=t$estimate[[1]], low=t$conf.int[1], high=t$conf.int[2], p=t$p.value)"""
    assert_same(bland_altman(frame["nihss"], frame["mrs"]).bias, ask_r(code, frame))


def test_kappa(ask_r: AskR) -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 5, 60)
    frame = pd.DataFrame({"a": first, "b": np.clip(first + rng.choice([0, 0, 1, -1], 60), 0, 4)})
    code = "k <- psych::cohen.kappa(d); result <- c(k$confid[1, ], k$weighted.kappa)"
    theirs = ask_r(code + "; names(result) <- c('low', 'value', 'high', 'weighted')", frame, ("psych",))
    ours = kappa(frame["a"], frame["b"])
    assert [ours.low, ours.value, ours.high] == pytest.approx([theirs[x] for x in ("low", "value", "high")], **ESTIMATE)
    assert kappa(frame["a"], frame["b"], range(5)).value == pytest.approx(theirs["weighted"], **ESTIMATE)
