package main

import (
	"crypto/tls"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// chunk is the most that one read takes, of standard input as of a message.
	chunk = 1024
	// pingEvery is how often an open socket is pinged until the process ends.
	pingEvery = 5 * time.Second
)

// socket opens a websocket and gives what the server sends as a byte stream. Text frames are the data; an empty binary
// frame ends it, and so does anything that goes wrong on the connection. The connection itself is never closed: it
// stays, pinging, until the process ends.
func (c *client) socket(path string, headers map[string]string, stdin io.Reader) (io.ReadCloser, error) {
	c.preflight(path)

	u := *c.endpoint
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	u.Path += path
	u.User = nil

	h := c.headers()
	h.Set("Origin", strings.ToLower(c.endpoint.Scheme+"://"+c.endpoint.Host))
	for name, value := range headers {
		h.Set(name, value)
	}
	dialer := *websocket.DefaultDialer
	dialer.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	conn, _, err := dialer.Dial(u.String(), h)
	if err != nil {
		return nil, err
	}
	frames := &frameWriter{conn: conn}
	r, w := io.Pipe()
	go receive(conn, w)
	go frames.pings()
	if stdin != nil {
		go frames.send(stdin)
	}
	return r, nil
}

// preflight is the plain GET that precedes every websocket, where a login could be renewed. Its outcome is ignored.
func (c *client) preflight(path string) {
	if strings.HasPrefix(path, "/app") {
		_ = c.get("/machines", nil)
		return
	}
	_ = c.get("/racks", nil)
}

// receive hands on each read of a message as one write, so the far end of the pipe sees the same pieces: at most a
// chunk, never more than one message, and never beyond what the connection's 4096-byte buffer holds.
func receive(conn *websocket.Conn, out *io.PipeWriter) {
	defer out.Close()
	buf := make([]byte, chunk)
	for {
		kind, message, err := conn.NextReader()
		if err != nil || kind == websocket.BinaryMessage {
			return
		}
		for err == nil {
			var n int
			n, err = message.Read(buf)
			if n == 0 {
				continue
			}
			if _, gone := out.Write(buf[:n]); gone != nil {
				return
			}
		}
	}
}

// frameWriter lets data and pings take turns on a connection.
type frameWriter struct {
	mu   sync.Mutex
	conn *websocket.Conn
}

func (f *frameWriter) write(kind int, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn.WriteMessage(kind, data)
}

func (f *frameWriter) pings() {
	for range time.Tick(pingEvery) {
		_ = f.write(websocket.PingMessage, []byte{})
	}
}

// send passes everything read as text frames, then says that it has ended with an empty binary frame.
func (f *frameWriter) send(r io.Reader) {
	defer func() { _ = f.write(websocket.BinaryMessage, []byte{}) }()
	buf := make([]byte, chunk)
	for {
		n, err := r.Read(buf)
		if n > 0 && f.write(websocket.TextMessage, buf[:n]) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}
