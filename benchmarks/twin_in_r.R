# The synthetic twins in R: what survival makes of the CSV files. Called by twin_in_r.py, or alone:
# Rscript benchmarks/twin_in_r.R data/twin/full 182 365
library(survival)
arguments <- commandArgs(TRUE)
folder <- arguments[1]
days <- as.numeric(arguments[-1])
read <- function(name) read.csv(file.path(folder, paste0(name, ".csv")), na.strings = "")
subjects <- read("adsl")[c("USUBJID", "ETDRUG", "VISCFL")]
times <- merge(read("adtte"), subjects, by = "USUBJID")
show <- function(...) cat(paste(c(...), collapse = ","), "\n", sep = "")
number <- function(x) sprintf("%.17g", x)
for (endpoint in c("PFS", "OS")) {
  d <- times[times$PARAMCD == endpoint, ]
  d$event <- 1 - d$CNSR
  d$arm <- factor(d$TRT01PN, levels = c(2, 1))
  # An ordered factor: R gives it orthonormal polynomial contrasts.
  d$poly <- factor(d$TRT01PN, levels = c(2, 1), ordered = TRUE)
  for (arm in 1:2) {
    fit <- survfit(Surv(AVAL, event) ~ 1, d[d$TRT01PN == arm, ], conf.type = "log-log")
    q <- quantile(fit, 0.5)
    for (part in names(q)) show(endpoint, arm, "median", part, number(q[[part]]))
    s <- summary(fit, times = days, extend = TRUE)
    for (k in seq_along(days)) {
      at <- paste("day", days[k])
      show(endpoint, arm, at, "quantile", number(s$surv[k]))
      show(endpoint, arm, at, "lower", number(s$lower[k]))
      show(endpoint, arm, at, "upper", number(s$upper[k]))
    }
  }
  test <- survdiff(Surv(AVAL, event) ~ arm, d)
  show(endpoint, "both", "log-rank", "chi-square", number(test$chisq))
  show(endpoint, "both", "log-rank", "P", number(pchisq(test$chisq, 1, lower.tail = FALSE)))
  models <- list(
    plain = Surv(AVAL, event) ~ arm,
    adjusted = Surv(AVAL, event) ~ arm + ETDRUG + VISCFL,
    `adjusted, orthonormal` = Surv(AVAL, event) ~ poly + ETDRUG + VISCFL
  )
  for (name in names(models)) {
    fit <- coxph(models[[name]], d, ties = "efron", eps = 1e-12, iter.max = 50)
    line <- summary(fit)$coefficients[1, ]
    limits <- summary(fit)$conf.int[1, ]
    show(endpoint, "both", name, "hazard ratio", number(limits["exp(coef)"]))
    show(endpoint, "both", name, "lower", number(limits["lower .95"]))
    show(endpoint, "both", name, "upper", number(limits["upper .95"]))
    show(endpoint, "both", name, "P", number(line["Pr(>|z|)"]))
  }
}
