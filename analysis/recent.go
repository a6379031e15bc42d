package analysis

import "sync"

// recent remembers what is costly to make and often made again, most of it at a
// time: then it forgets everything.
type recent[K comparable, V any] struct {
	most int

	mu    sync.Mutex
	known map[K]V
}

func (r *recent[K, V]) get(key K, create func() (V, error)) (V, error) {
	r.mu.Lock()
	v, ok := r.known[key]
	r.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := create()
	if err != nil {
		return v, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= r.most {
		r.known = map[K]V{}
	}
	r.known[key] = v
	return v, nil
}
