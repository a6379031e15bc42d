package judgetest

// The powers asked of a judge below are what the judges of this repository
// reach at Alpha 0.05, less some ten points: they catch a judge that has gone
// blind, not a lost percent. Noise and effects follow docs/evaluation.md.

// Gauges returns the worlds for judges of gauges: independent, remembering and
// heavy-tailed noise, shared load, and arms on unlike machines with a history.
//
// Without a history an autocorrelation must be estimated from few points, and
// every known estimate is sometimes too low: false alarms of AR(1) noise
// exceed their promise by half at 60 points (docs/evaluation.md: 1.6 % for 1 %
// at rho 0.6).
func Gauges() []World {
	return []World{
		Gauge{Noise: 0.2}.World("independent", 60, 0).finds(1.2, 0.90),
		Gauge{Noise: 0.2}.World("independent with history", 60, 120).finds(1.2, 0.85),
		Gauge{Noise: 0.2, Rho: 0.3}.World("AR 0.3", 60, 0).finds(1.3, 0.90).exceeds(1.3),
		Gauge{Noise: 0.2, Rho: 0.6}.World("AR 0.6", 60, 0).finds(1.4, 0.90).exceeds(1.5),
		Gauge{Noise: 0.2, Rho: 0.6}.World("AR 0.6 with history", 60, 120).finds(1.4, 0.75),
		Gauge{Noise: 0.2, Rho: 0.9}.World("AR 0.9 with history", 60, 240),
		Gauge{Noise: 0.1, Shock: 0.35}.World("shared shocks", 60, 0).finds(1.1, 0.90),
		Gauge{Noise: 0.1, Rho: 0.6, Shock: 0.35}.World("shared shocks, AR 0.6", 60, 120).finds(1.2, 0.75),
		Gauge{Noise: 0.2, Rho: 0.3, Swing: 0.5}.World("shared daily swing", 60, 120).finds(1.3, 0.85),
		Gauge{Noise: 0.2, Rho: 0.3, Heavy: true}.World("heavy tails", 60, 120).finds(1.3, 0.90),
		Gauge{Noise: 0.1, Rho: 0.3, Offset: 0.2}.World("unlike machines", 60, 120).finds(1.2, 0.90),
	}
}

// Pods returns the worlds for judges that look at every instance: many and few
// pods, alike and unlike, with and without a history.
func Pods() []World {
	return []World{
		Fleet{Pods: 5, Spread: 0.05, Noise: 0.15, Rho: 0.3, Shock: 0.35}.World("5 pods that differ by 5 %", 60, 0),
		Fleet{Pods: 10, Spread: 0.05, Noise: 0.15, Rho: 0.3, Shock: 0.35}.World("10 pods that differ by 5 %", 60, 0).finds(1.3, 0.80),
		Fleet{Pods: 5, Spread: 0.1, Noise: 0.15, Rho: 0.3, Shock: 0.35}.World("5 pods that differ by 10 %, with history", 60, 60).finds(1.3, 0.80),
		Fleet{Pods: 1, Spread: 0.05, Noise: 0.15, Rho: 0.3, Shock: 0.35}.World("one pod with history", 60, 60),
	}
}

// Counts returns the worlds for judges of counts: rare and frequent events,
// bursts that both arms share, bursts and swings of one arm, and a small canary.
//
// Rates that swing on their own for minutes are hard to tell from a release:
// the tables of docs/statistics.md have 3.4 % false alarms for 1 %.
func Counts() []World {
	return []World{
		Events{Rate: 0.2}.World("rare", 60, 0).finds(4, 0.80),
		Events{Rate: 1}.World("one a minute", 60, 0).finds(2, 0.85),
		Events{Rate: 200}.World("frequent", 60, 0).finds(1.1, 0.90),
		Events{Rate: 0.5, Bursts: true}.World("shared bursts", 60, 0).finds(2, 0.80),
		Events{Rate: 5, Fano: 3}.World("own bursts", 60, 0).finds(2, 0.90),
		Events{Rate: 1, Fano: 3}.World("own bursts with history", 60, 120).finds(4, 0.80),
		Events{Rate: 5, Noise: 0.5, Rho: 0.7}.World("own swings with history", 60, 120).finds(3, 0.80).exceeds(2),
		Events{Rate: 5, Canary: 0.1}.World("canary of a tenth", 60, 0).finds(2.5, 0.90),
	}
}

// Ratios returns the worlds for judges of ratios: rare errors, one in ten
// requests, errors in bursts and swings, and a small canary.
func Ratios() []World {
	return []World{
		Events{Rate: 1, Total: 1e5}.World("one in 100000", 60, 0).finds(2, 0.85),
		Events{Rate: 1000, Total: 1e4}.World("one in ten", 60, 0).finds(1.1, 0.90),
		Events{Rate: 20, Total: 2000, Fano: 3}.World("own bursts", 60, 0).finds(1.5, 0.90),
		Events{Rate: 2, Total: 500, Bursts: true}.World("shared bursts", 60, 0).finds(2, 0.90),
		Events{Rate: 5, Total: 1000, Canary: 0.1}.World("canary of a tenth", 60, 0).finds(2.5, 0.90),
		Events{Rate: 5, Total: 1000, Noise: 0.2, Rho: 0.5}.World("own swings with history", 60, 120).finds(2, 0.90),
	}
}

func (w World) finds(change, power float64) World {
	w.Change, w.Power = change, power
	return w
}

func (w World) exceeds(factor float64) World {
	w.Excess = factor
	return w
}
