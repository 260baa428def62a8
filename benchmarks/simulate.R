# Log-rank test and Cox model of simulated trials in R's survival. Called by simulate.py:
# Rscript benchmarks/simulate.R trials.bin <patients a trial> <trials for coxph> <for coxph.fit>
#   <rounds>; each is the CPU time of the best round, a trial.
library(survival)
arguments <- commandArgs(TRUE)
n <- as.integer(arguments[2])
wanted <- as.integer(arguments[3:4])
rounds <- as.integer(arguments[5])
numbers <- readBin(arguments[1], "integer", 3 * n * max(wanted), size = 4)
trials <- split(numbers, rep(seq_len(max(wanted)), each = 3 * n))
trials <- lapply(trials, function(x) {
  data.frame(time = x[1:n], event = x[n + 1:n], arm = as.numeric(x[2 * n + 1:n]))
})
high <- function(d) {
  test <- survdiff(Surv(time, event) ~ arm, d)
  fit <- coxph(Surv(time, event) ~ arm, d)
  c(test$chisq, fit$coefficients, sqrt(fit$var))
}
control <- coxph.control()
low <- function(d) {
  fit <- coxph.fit(
    as.matrix(d["arm"]), Surv(d$time, d$event), NULL, NULL, NULL, control, NULL, "efron",
    NULL, resid = FALSE
  )
  c(fit$coefficients, sqrt(fit$var))
}
invisible(lapply(trials[1:20], function(d) c(high(d), low(d)))) # byte code
for (name in c("high", "low")) {
  mine <- trials[seq_len(wanted[if (name == "high") 1 else 2])]
  found <- list()
  best <- Inf
  for (part in split(mine, cut(seq_along(mine), rounds, labels = FALSE))) {
    used <- system.time(more <- lapply(part, get(name)))
    seconds <- used[["user.self"]] + used[["sys.self"]]
    best <- min(best, seconds / length(part))
    found <- c(found, more)
  }
  cat(name, sprintf("%.17g", best), "\n")
  for (x in found) cat(name, sprintf("%.17g", x), "\n")
}
cat("version", paste0(R.version$major, ".", R.version$minor, ","), "survival",
    as.character(packageVersion("survival")), "\n")
