// Package adjust corrects for asking many questions at once.
//
// A canary run judges many signals. At level 0.05 each, one healthy signal in
// twenty raises an alarm; thirty of them raise one in four runs out of five.
// An adjusted p value of a hypothesis is the smallest level at which the
// procedure rejects it, so it is compared with the level that all hypotheses
// share:
//
//	procedure   promises                           holds for
//	Bonferroni  no false alarm at all, with 1-a    any dependence
//	Holm        the same, never fewer rejections   any dependence
//	Hochberg    the same                           independent or positively dependent
//	Hommel      the same, the most powerful        independent or positively dependent
//	BH          false share of the list at most a  independent or positively dependent
//	BY          the same                           any dependence
//	EBH         the same, from e-values            any dependence
//
// Deciding whether a release fails wants the first promise; a list of findings
// for a person to read wants the second. WeightedHolm gives important
// hypotheses more of the level.
//
// A p value that is NaN is of a hypothesis that could not be tested: it stays
// NaN and the others are adjusted as if it had not been asked. That is R's rule
// of p.adjust. It is right when what makes a test impossible says nothing about
// its outcome.
//
// # Sources
//
// Holm, Scand. J. Statist. 6 (1979) 65; Hochberg, Biometrika 75 (1988) 800;
// Hommel, Biometrika 75 (1988) 383; Wright, Biometrics 48 (1992) 1005;
// Benjamini, Hochberg, J. R. Statist. Soc. B 57 (1995) 289; Benjamini,
// Yekutieli, Ann. Statist. 29 (2001) 1165; Wang, Ramdas, J. R. Statist. Soc. B 84
// (2022) 822; Vovk, Wang, Ann. Statist. 49 (2021) 1736.
package adjust
