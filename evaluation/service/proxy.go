package main

import (
	"context"
	"io"
	"net"
	"sync"
)

// proxy passes connections on and cuts them when it is told to.
type proxy struct {
	address, to string

	mu   sync.Mutex
	open map[net.Conn]bool
}

func newProxy(ctx context.Context, to string) (*proxy, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{address: l.Addr().String(), to: to, open: map[net.Conn]bool{}}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(ctx, in)
		}
	}()
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return p, nil
}

func (p *proxy) pass(ctx context.Context, in net.Conn) {
	defer func() { _ = in.Close() }()
	out, err := new(net.Dialer).DialContext(ctx, "tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	p.mu.Lock()
	p.open[in], p.open[out] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // until either end is cut
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
	p.mu.Lock()
	delete(p.open, in)
	delete(p.open, out)
	p.mu.Unlock()
}

// cut ends all connections, in the middle of whatever they carry.
func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // a reset, not a good-bye
		}
		_ = c.Close()
	}
	return len(p.open) / 2
}
