package handlers

import (
	"net/http"
	"strconv"
)

// The number of items on a page of the API, unless limit asks for another, and at most.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

type pageOf[T any] struct {
	items []T
	next  string // cursor of the page after this one; empty: there is none
}

// paged cuts the page that limit and cursor ask for out of all. The cursor is the key of the last item of the page before, so
// that items that come or go do not shift the pages.
func paged[T any](r *http.Request, all []T, key func(T) string) (pageOf[T], error) {
	limit, err := limitOf(r)
	if err != nil {
		return pageOf[T]{}, err
	}
	start := 0
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		start = len(all)
		for i, item := range all {
			if key(item) == cursor {
				start = i + 1
				break
			}
		}
		if start == len(all) && (len(all) == 0 || key(all[len(all)-1]) != cursor) {
			return pageOf[T]{}, &badRequest{"bad_cursor", "The cursor is not one of this list. Start again without it"}
		}
	}
	end := min(start+limit, len(all))
	page := pageOf[T]{items: all[start:end]}
	if end < len(all) {
		page.next = key(all[end-1])
	}
	return page, nil
}

func limitOf(r *http.Request) (int, error) {
	raw := r.URL.Query().Get("limit")
	if raw == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > maxLimit {
		return 0, &badRequest{"bad_limit", "limit is a number from 1 to 1000"}
	}
	return n, nil
}

// writeList writes a page of a list.
func writeList[T any](w http.ResponseWriter, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	body := map[string]any{"items": items, "next_cursor": nil}
	if next != "" {
		body["next_cursor"] = next
	}
	return writeJSON(w, http.StatusOK, body)
}
