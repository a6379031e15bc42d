// Package rates compares two rates of events, canary against baseline. It is
// the machinery of the judges counts and ratio, which differ only in what the
// events are counted against.
//
// # Ratio
//
// Given the events N_t of both arms in interval t, the canary's are binomial
// with probability p_t = w_t r/(1+w_t r), where r is the ratio of the rates and
// w_t the ratio of the exposures. The common intensity has dropped out, so bursts
// and swings that hit both arms cancel (Przyborowski, Wilenski 1940). The sum
// over t is compared with the binomial of the mean probability, exactly for
// equal w_t and on the safe side for others (Hoeffding 1956), and inverting
// that test gives the interval of r (Clopper, Pearson 1934).
//
// # Dispersion
//
// Events of one arm often come in bursts of their own. Pearson's statistic of
// the canary's share from interval to interval, times the variance inflation of
// its autocorrelation, estimates how many events weigh as one; counts are
// divided by it before they enter the binomial, whose tail is the incomplete
// beta function and needs no whole numbers. The estimate is enlarged by the
// square of Student's quantile over the normal one for its degrees of freedom,
// and never taken below 1. The same holds for counts that are too large because
// PromQL's increase() extrapolated them: 3.37 events where 2.5 were seen vary
// like counts divided by 1.33, and are.
//
// # Difference
//
// Absolute margins are differences of rates. FAIL turns them into the ratio that
// such a difference stands for, with the baseline's rate that is most likely
// under it (Farrington, Manning 1990). PASS bounds the difference itself by
// the exact Poisson intervals of both arms (Garwood 1936) combined by MOVER
// (Newcombe 1998), which works without a single event: 0 events in W exclude
// rates above ln(2/alpha)/W, the "rule of three" at level 1-alpha.
//
// References: docs/statistics.md; McCullagh, Nelder, Generalized Linear Models
// (1989), 4.5; Zou, Donner, Statistics in Medicine 27 (2008) 1693.
package rates
