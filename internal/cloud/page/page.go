// Package page cuts lists into the pages that AWS's answers come in. A token is a mark and the
// last key given, in base64 for URLs: opaque to clients, and good for as long as the list's order
// is. The mark tells tokens from words that happen to be base64.
// Read Of.
package page

import (
	"encoding/base64"
	"errors"
	"iter"
	"slices"
	"sort"
	"strings"
)

// ErrToken is the error for a token that no page of such a list gave; each service has its own
// words for it.
var ErrToken = errors.New("not a token of this list")

// mark begins every token before it is encoded.
const mark = "after:"

// Of says which part of a list the next page is: from keys[from] up to but without keys[to].
//
// Keys are the list's, unique. An empty token means the first page; max is the most a page
// holds, where 0 or less means all that is left. The next token is empty after the last page.
// Where the key a token names is gone from an ascending list, the page begins behind its place;
// in another list it is ErrToken.
func Of(keys []string, token string, max int) (from, to int, next string, err error) {
	if token != "" {
		last, err := lastOf(token)
		if err != nil {
			return 0, 0, "", err
		}
		switch i := slices.Index(keys, last); {
		case i >= 0:
			from = i + 1
		case slices.IsSorted(keys):
			from = sort.SearchStrings(keys, last)
		default:
			return 0, 0, "", ErrToken
		}
	}
	to = len(keys)
	if max > 0 && max < to-from {
		to = from + max
		next = after(keys[to-1])
	}
	return from, to, next, nil
}

// after makes the token of the page behind a key, and lastOf gives the key of such a token.
func after(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(mark + key)) }

func lastOf(token string) (key string, err error) {
	given, err := base64.RawURLEncoding.DecodeString(token)
	last, ours := strings.CutPrefix(string(given), mark)
	if err != nil || !ours {
		return "", ErrToken
	}
	return last, nil
}

// Cut gives a page of items, by their keys; see Of.
func Cut[T any](items []T, key func(*T) string, token string, max int) (page []T, next string, err error) {
	keys := make([]string, len(items))
	for i := range items {
		keys[i] = key(&items[i])
	}
	from, to, next, err := Of(keys, token, max)
	if err != nil {
		return nil, "", err
	}
	return items[from:to], next, nil
}

// Walk is Cut for a list that need not be ascending and is walked from the page on, no further than to the
// first item behind it. behind gives the list behind the item of a key, and all of it for the key "";
// where it has no such item the token is ErrToken.
func Walk[T any](behind func(key string) (iter.Seq[T], bool), key func(*T) string, token string, max int) (page []T, next string, err error) {
	last := ""
	if token != "" {
		if last, err = lastOf(token); err != nil {
			return nil, "", err
		}
	}
	list, ok := behind(last)
	if !ok {
		return nil, "", ErrToken
	}
	for v := range list {
		if max > 0 && len(page) == max {
			return page, after(key(&page[max-1])), nil
		}
		page = append(page, v)
	}
	return page, "", nil
}
