package ui

import "strings"

const (
	taskID  = 32 // hexadecimal digits of a task's id
	shortID = 8  // of them that a line shows, enough to tell tasks apart
)

// Brief gives a text for a line that people read: task ids are cut to their first eight digits,
// and target groups are called by name where the text has their ARN. JSON keeps the whole text.
func Brief(text string) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		core := strings.Trim(w, "().,:;")
		if short := briefWord(core); short != core {
			words[i] = strings.Replace(w, core, short, 1)
		}
	}
	return strings.Join(words, " ")
}

func briefWord(w string) string {
	if len(w) == taskID && strings.Trim(w, "0123456789abcdef") == "" {
		return w[:shortID]
	}
	if _, after, ok := strings.Cut(w, ":targetgroup/"); ok && strings.HasPrefix(w, "arn:") {
		name, _, _ := strings.Cut(after, "/")
		return name
	}
	return w
}
