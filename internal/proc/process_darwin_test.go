package proc

// What the tests of Linux start themselves as; see process_linux_test.go.
const leaderGone = "leader-gone"

func runLeaderGone() {}
