// What the tests of this folder's modules share. Each deployer's module has its
// own go.mod, so that two versions of one deployer can be tested, and none of
// their dependencies reaches judged's.
module github.com/judged-dev/judged/compat/conformance

go 1.26.0
