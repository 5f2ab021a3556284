//go:build !linux

package startup

// advise does nothing: huge pages by advice are Linux's.
func advise(span) span { return span{} }

func withdraw(span) {}
