package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const marker = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:"

// frame is one websocket frame's opcode and payload.
type frame struct {
	op   byte
	data string
}

var end = frame{2, ""}

func text(data string) frame { return frame{1, data} }

// wire gives a frame's bytes as a server sends it, unmasked.
func (f frame) wire() []byte {
	head := []byte{0x80 | f.op, byte(len(f.data))}
	if n := len(f.data); n > 125 {
		head = []byte{0x80 | f.op, 126, byte(n >> 8), byte(n)}
	}
	return append(head, f.data...)
}

// answer is what the rack says to one route. A socket's play writes frames; then the connection stays open.
type answer struct {
	status int
	body   string
	play   func(*peer)
}

// peer is the rack's end of a websocket: raw bytes out, whole frames in.
type peer struct {
	net.Conn
	frames <-chan frame
}

func (p *peer) send(frames ...frame) {
	for _, f := range frames {
		if _, err := p.Write(f.wire()); err != nil {
			return
		}
	}
}

// next waits for the client's next data frame.
func (p *peer) next() frame {
	select {
	case f := <-p.frames:
		return f
	case <-time.After(20 * time.Second):
		return frame{0, "no frame within 20 s"}
	}
}

// rack is a scripted rack that keeps every request: the line of it, a form's text behind it, and its headers.
type rack struct {
	t       *testing.T
	url     string
	mu      sync.Mutex
	answers map[string][]answer
	seen    []string
	headers map[string]http.Header
	bodies  map[string][]byte
	object  string // the answer to an upload, under whatever name
	tap     bytes.Buffer
}

// newRack serves answers by `METHOD path`, where a socket's method is WS. Of several answers each is given once and
// the last ever after. Everything else is 404 with an empty body, as a real rack has it.
func newRack(t *testing.T, answers map[string][]answer) *rack {
	t.Helper()
	r := &rack{t: t, answers: answers, headers: map[string]http.Header{}, bodies: map[string][]byte{}}
	server := httptest.NewUnstartedServer(r)
	server.Listener = tapped{server.Listener, r}
	server.Start()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	r.url = server.URL
	t.Setenv("RACK_URL", strings.Replace(r.url, "://", "://convox:sekret123@", 1))
	t.Setenv("WIRE_CLI_POLL", "20ms")
	return r
}

func says(body string) []answer { return []answer{{body: body}} }

func play(frames ...frame) []answer {
	return []answer{{play: func(p *peer) { p.send(frames...) }}}
}

func (r *rack) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	method := req.Method
	if websocket.IsWebSocketUpgrade(req) {
		method = "WS"
	}
	line := method + " " + req.RequestURI
	if len(body) > 0 && req.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		line += " " + string(body)
	}
	a, known := r.record(method+" "+req.URL.Path, line, req, body)
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case a.play != nil:
		r.upgrade(w, req, a.play)
	default:
		w.WriteHeader(max(a.status, http.StatusOK))
		_, _ = io.WriteString(w, a.body)
	}
}

func (r *rack) record(route, line string, req *http.Request, body []byte) (answer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, line)
	r.headers[route] = req.Header.Clone()
	r.bodies[route] = body
	if len(req.TransferEncoding) > 0 {
		r.headers[route].Set("Transfer-Encoding", req.TransferEncoding[0])
	}
	if r.object != "" && strings.HasPrefix(route, "POST /apps/app/objects/tmp/") {
		return answer{body: r.object}, true
	}
	left := r.answers[route]
	if len(left) == 0 {
		return answer{}, false
	}
	if len(left) > 1 {
		r.answers[route] = left[1:]
	}
	return left[0], true
}

func (r *rack) upgrade(w http.ResponseWriter, req *http.Request, play func(*peer)) {
	upgrader := websocket.Upgrader{}
	conn, err := upgrader.Upgrade(w, req, nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.t.Cleanup(func() { conn.Close() })
	frames := make(chan frame, 100)
	go func() {
		for {
			kind, data, err := conn.ReadMessage()
			if err != nil {
				frames <- frame{0, err.Error()}
				return
			}
			frames <- frame{byte(kind), string(data)}
		}
	}()
	play(&peer{conn.NetConn(), frames})
}

// calls gives what was asked, in order, without the requests named by a part of their line.
func (r *rack) calls(without ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.seen), func(line string) bool {
		return slices.ContainsFunc(without, func(part string) bool { return strings.HasPrefix(line, part) })
	})
}

func (r *rack) header(route, name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.headers[route].Get(name)
}

func (r *rack) body(route string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies[route]
}

// heard gives the raw bytes received so far, of all connections.
func (r *rack) heard() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tap.String()
}

type tapped struct {
	net.Listener
	rack *rack
}

func (l tapped) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return tappedConn{conn, l.rack}, err
}

type tappedConn struct {
	net.Conn
	rack *rack
}

func (c tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.rack.mu.Lock()
	defer c.rack.mu.Unlock()
	c.rack.tap.Write(p[:n])
	return n, err
}

// result is how a command ended.
type result struct {
	status int
	out    string
	err    string
}

// cli runs one command line with the given standard input.
func cli(t *testing.T, in string, argv ...string) result {
	t.Helper()
	var out, errw bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- run(argv, strings.NewReader(in), &out, &errw) }()
	select {
	case status := <-done:
		return result{status, out.String(), errw.String()}
	case <-time.After(20 * time.Second):
		t.Fatalf("%v does not end", argv)
		return result{}
	}
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}

func expectCalls(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("calls:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
