package mannwhitney

import (
	"math"
	"slices"
	"testing"
)

// Expected values: new java.util.Random(seed).nextGaussian() of OpenJDK 17.
func TestGaussianIsJavas(t *testing.T) {
	for seed, want := range map[int64][]float64{
		12345: {-0.187808989658912, 0.5884363051154796, 0.9488047804400426, -0.49428072062604445},
		42:    {1.1419053154730547, 0.9194079489827879, -0.9498666368908959, -1.1069902863993377},
		-1:    {1.7853314409882288, -0.9204169061847902, 0.4869392448030407, 0.4568888042977182},
	} {
		var g gaussian
		g.seed(seed)
		for i, w := range want {
			if got := g.normal(); got != w {
				t.Errorf("seed %d, number %d: %v, want %v", seed, i, got, w)
			}
		}
	}
}

func TestFdlibmLogIsCloseToLog(t *testing.T) {
	for x := 1e-300; x < 1e300; x *= 1.37 {
		if got, want := fdlibmLog(x), math.Log(x); math.Abs(got-want) > math.Abs(want)*0x1p-52 {
			t.Errorf("log(%v) = %v, want %v", x, got, want)
		}
	}
	if got := fdlibmLog(1); got != 0 {
		t.Errorf("log(1) = %v", got)
	}
}

func TestNoise(t *testing.T) {
	var g gaussian
	g.seed(1)
	if got := g.addNoise([]float64{0, 0}); !slices.Equal(got, []float64{0, 0}) {
		t.Errorf("zeros with noise are %v", got)
	}
	if got := g.addNoise([]float64{math.Copysign(0, -1)}); math.Signbit(got[0]) {
		t.Error("-0.0 with noise is not 0.0 as in Kayenta")
	}
	for _, v := range g.addNoise([]float64{-200, -200, -200}) {
		if v == -200 || math.Abs(v+200) > 200e-4 {
			t.Errorf("-200 with noise is %v", v)
		}
	}
}
