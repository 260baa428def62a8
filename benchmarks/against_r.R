# Public data sets in R: Cox, log-rank, restricted mean, Kaplan-Meier limits (survival) and pooling
# (metafor). Called by against_r.py with a folder that holds lung.csv, rossi.csv and bcg.csv.
suppressMessages({library(survival); library(metafor)})
folder <- commandArgs(TRUE)[1]
lung <- read.csv(file.path(folder, "lung.csv"))
rossi <- read.csv(file.path(folder, "rossi.csv"))
bcg <- read.csv(file.path(folder, "bcg.csv"))
show <- function(data, what, part, value) {
  cat(data, what, part, sprintf("%.17g", value), sep = ",")
  cat("\n")
}
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
cox <- function(data, what, formula, frame, ties = "efron") {
  fit <- coxph(formula, frame, ties = ties, control = tight)
  for (name in names(coef(fit))) {
    show(data, what, paste(name, "coefficient"), coef(fit)[[name]])
    show(data, what, paste(name, "SE"), sqrt(diag(vcov(fit)))[[name]])
  }
}
cox("lung", "Cox, Efron", Surv(time, status) ~ sex, lung)
cox("lung", "Cox, stratified", Surv(time, status) ~ sex + strata(old), lung)
all <- Surv(week, arrest) ~ fin + age + race + wexp + mar + paro + prio
cox("rossi", "Cox, Efron", all, rossi)
cox("rossi", "Cox, Breslow", all, rossi, "breslow")
cox("rossi", "Cox, stratified", Surv(week, arrest) ~ fin + strata(race), rossi)
rank <- function(data, what, formula, frame) {
  show(data, what, "chi-square", survdiff(formula, frame)$chisq)
}
rank("lung", "log-rank", Surv(time, status) ~ sex, lung)
rank("lung", "log-rank, stratified", Surv(time, status) ~ sex + strata(old), lung)
rank("rossi", "log-rank", Surv(week, arrest) ~ fin, rossi)
rank("rossi", "log-rank, stratified", Surv(week, arrest) ~ fin + strata(race), rossi)
for (sex in 1:2) {
  fit <- survfit(Surv(time, status) ~ 1, lung[lung$sex == sex, ], conf.type = "log-log")
  what <- paste("Kaplan-Meier, sex", sex)
  middle <- quantile(fit, 0.5)
  show("lung", what, "median", middle$quantile)
  show("lung", what, "median, lower", middle$lower)
  show("lung", what, "median, upper", middle$upper)
  for (day in c(90, 180, 365)) {
    at <- summary(fit, times = day)
    show("lung", what, paste("day", day), at$surv)
    show("lung", what, paste0("day ", day, ", lower"), at$lower)
    show("lung", what, paste0("day ", day, ", upper"), at$upper)
  }
  for (months in c(6, 12)) {
    table <- summary(fit, rmean = months * 365.25 / 12)$table
    what <- paste("restricted mean, sex", sex)
    show("lung", what, paste(months, "months"), table[["rmean"]])
    show("lung", what, paste(months, "months, SE"), table[["se(rmean)"]])
  }
}
effects <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = bcg)
for (method in c("FE", "DL", "PM", "REML")) for (test in c("z", "knha")) {
  if (method == "FE" && test == "knha") next
  fit <- rma(yi, vi, data = effects, method = method, test = test,
             control = list(threshold = 1e-12, tol = 1e-12, maxiter = 1000))
  what <- paste0("pooling, ", method, if (test == "knha") " + Knapp-Hartung" else "")
  show("bcg", what, "effect", as.numeric(fit$beta))
  show("bcg", what, "SE", fit$se)
  show("bcg", what, "lower", fit$ci.lb)
  show("bcg", what, "upper", fit$ci.ub)
  show("bcg", what, "Q", fit$QE)
  show("bcg", what, "I2", fit$I2)
  if (method != "FE") {
    show("bcg", what, "tau2", fit$tau2)
    new <- predict(fit)
    if (test == "z") { # Higgins, Thompson and Spiegelhalter; metafor takes the normal quantile
      wide <- qt(0.975, fit$k - 2) * sqrt(fit$se^2 + fit$tau2)
      new <- list(pi.lb = as.numeric(fit$beta) - wide, pi.ub = as.numeric(fit$beta) + wide)
    }
    show("bcg", what, "prediction, lower", new$pi.lb)
    show("bcg", what, "prediction, upper", new$pi.ub)
  }
  if (method == "REML" && test == "z") {
    between <- confint(fit)$random["tau^2", ]
    show("bcg", what, "tau2, lower", between[["ci.lb"]])
    show("bcg", what, "tau2, upper", between[["ci.ub"]])
  }
}
cat("#", paste0("R ", R.version$major, ".", R.version$minor), "survival",
    as.character(packageVersion("survival")), "metafor",
    as.character(packageVersion("metafor")), "\n")
