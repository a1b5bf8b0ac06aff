package main

import (
	"io"
	"net"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

const execRoute = "WS /apps/app/processes/web-1/exec"

func execAnswer(script func(*peer)) map[string][]answer {
	return map[string][]answer{execRoute: {{play: script}}}
}

func TestLogsHandshakeByteForByte(t *testing.T) {
	r := newRack(t, map[string][]answer{"WS /apps/app/services/web/logs": play(
		text("2026 service/web/app line 1\n"), text("2026 service/web/app line 2\n"), end)})
	got := cli(t, "", "logs", "-a", "app", "--no-follow", "--filter", "a b", "--tail", "10", "-s", "web")
	expect(t, "result", got, result{0, "2026 service/web/app line 1\n2026 service/web/app line 2\n", ""})
	expectCalls(t, r.calls(), "GET /machines?", "WS /apps/app/services/web/logs")

	_, handshake, _ := strings.Cut(r.heard(), "\r\n\r\n")
	key := regexp.MustCompile(`Sec-WebSocket-Key: \S+`)
	handshake = key.ReplaceAllString(handshake, "Sec-WebSocket-Key: KEY")
	expect(t, "handshake", handshake, "GET /apps/app/services/web/logs HTTP/1.1\r\n"+
		"Host: "+strings.TrimPrefix(r.url, "http://")+"\r\n"+
		"User-Agent: convox.go/dev\r\n"+
		"Authorization: Basic Y29udm94OnNla3JldDEyMw==\r\n"+
		"Connection: Upgrade\r\n"+
		"Filter: a b\r\n"+
		"Follow: false\r\n"+
		"Origin: "+r.url+"\r\n"+
		"Prefix: true\r\n"+
		"Sec-WebSocket-Key: KEY\r\n"+
		"Sec-WebSocket-Version: 13\r\n"+
		"Tail: 10\r\n"+
		"Upgrade: websocket\r\n"+
		"Version: dev\r\n\r\n")
}

func TestFollowingLogsSendsNoFollowHeader(t *testing.T) {
	r := newRack(t, map[string][]answer{"WS /apps/app/logs": play(end)})
	cli(t, "", "logs", "-a", "app", "--since", "2m0s")
	_, given := r.headers["WS /apps/app/logs"]["Follow"]
	expect(t, "Follow given", given, false)
	expect(t, "Since", r.header("WS /apps/app/logs", "Since"), "2m0s")
}

func TestExecExitCode(t *testing.T) {
	sent := make(chan frame, 1)
	r := newRack(t, execAnswer(func(p *peer) {
		p.send(text("leaving\n"), text(marker+"7\n"), end)
		sent <- p.next()
	}))
	got := cli(t, "", "exec", "web-1", "exit", "7", "-a", "app")
	expect(t, "result", got, result{7, "leaving\n", ""})
	expect(t, "end of standard input", <-sent, end)
	expect(t, "Command", r.header(execRoute, "Command"), "exit 7")
	expect(t, "Tty", r.header(execRoute, "Tty"), "false")
	expectCalls(t, r.calls(), "GET /machines?", execRoute)
}

func TestExecPassesStandardInput(t *testing.T) {
	newRack(t, execAnswer(func(p *peer) {
		for f := p.next(); f.op == 1; f = p.next() {
			p.send(f)
		}
		p.send(text(marker+"0\n"), end)
	}))
	in := "hello\n\x00\xff world\n"
	expect(t, "result", cli(t, in, "exec", "web-1", "cat", "-a", "app"), result{0, in, ""})
}

func TestClientFramesAreAtMost1024Bytes(t *testing.T) {
	sizes := make(chan int, 10)
	newRack(t, execAnswer(func(p *peer) {
		for f := p.next(); f.op == 1; f = p.next() {
			sizes <- len(f.data)
		}
		p.send(end)
		close(sizes)
	}))
	cli(t, strings.Repeat("x", 2500), "exec", "web-1", "cat", "-a", "app")
	got := []int{}
	for n := range sizes {
		got = append(got, n)
	}
	if len(got) != 3 || got[0] != 1024 || got[1] != 1024 || got[2] != 452 {
		t.Errorf("frame sizes %v", got)
	}
}

// The ways in which an exit code is, and is not, found.
func TestExitMarkerIsSoughtInOneRead(t *testing.T) {
	raw := func(data string) frame { return frame{255, data} }
	half := marker[:20]
	for name, c := range map[string]struct {
		frames []frame
		want   result
	}{
		"whole":                       {[]frame{text("a"), text(marker + "7\n"), end}, result{7, "a", ""}},
		"three digits":                {[]frame{text(marker + "137\n"), end}, result{137, "", ""}},
		"behind output in one frame":  {[]frame{text("out" + marker + "7\n"), end}, result{7, "out", ""}},
		"missing":                     {[]frame{text("a"), end}, result{0, "a", ""}},
		"split over two messages":     {[]frame{text(half), text(marker[20:] + "7\n"), end}, result{0, marker + "7\n", ""}},
		"cut by the size of one read": {[]frame{text(strings.Repeat("x", 1010) + marker + "7\n"), end}, result{0, strings.Repeat("x", 1010) + marker + "7\n", ""}},
		"at the start of a read":      {[]frame{text(strings.Repeat("x", 1024) + marker + "7\n"), end}, result{7, strings.Repeat("x", 1024), ""}},
		"with an error behind it":     {[]frame{text(marker + "1\nERROR: no\n"), end}, result{1, "", "ERROR: unable to read exit code\n"}},
		"then an error":               {[]frame{text(marker + "1\n"), text("ERROR: no such process: nopid\n"), end}, result{1, "ERROR: no such process: nopid\n", ""}},
		"refused without a marker":    {[]frame{text("ERROR: invalid authentication"), end}, result{0, "ERROR: invalid authentication", ""}},
		"ECS Exec":                    {[]frame{text("\x00{}"), end}, result{1, "", "ERROR: the stream asks for an ECS Exec session, which this client does not start\n"}},
		"fragmented message":          {[]frame{raw("\x01\x02hi\x80\x00"), text(marker + "3\n"), end}, result{3, "hi", ""}},
		"pings between":               {[]frame{text("a"), {9, ""}, text(marker + "3\n"), end}, result{3, "a", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			newRack(t, execAnswer(func(p *peer) {
				for _, f := range c.frames {
					data := f.wire()
					if f.op == 255 {
						data = []byte(f.data)
					}
					_, _ = p.Write(data)
				}
			}))
			expect(t, "result", cli(t, "", "exec", "web-1", "cmd", "-a", "app"), c.want)
		})
	}
}

// A relay that breaks the marker's frame into small writes loses the exit code, as it does with the stock CLI.
func TestDrippedMarkerIsLost(t *testing.T) {
	newRack(t, execAnswer(func(p *peer) {
		_ = p.Conn.(tappedConn).Conn.(*net.TCPConn).SetNoDelay(true)
		for _, b := range append(text(marker+"7\n").wire(), end.wire()...) {
			_, _ = p.Write([]byte{b})
			time.Sleep(20 * time.Millisecond)
		}
	}))
	expect(t, "result", cli(t, "", "exec", "web-1", "cmd", "-a", "app"), result{0, marker + "7\n", ""})
}

// The marker is lost too when it lies across the end of the connection's 4096-byte buffer.
func TestMarkerAcrossTheBufferIsLost(t *testing.T) {
	filler := strings.Repeat("x", 4096-4-4-10)
	all := append(text(filler+"yyyy").wire(), text(marker+"7\n").wire()...)
	newRack(t, execAnswer(func(p *peer) {
		time.Sleep(50 * time.Millisecond)
		_, _ = p.Write(append(all, end.wire()...))
	}))
	got := cli(t, "", "exec", "web-1", "cmd", "-a", "app")
	expect(t, "status", got.status, 0)
	expect(t, "output", got.out, filler+"yyyy"+marker+"7\n")
}

func TestCutStreamLooksLikeSuccess(t *testing.T) {
	newRack(t, execAnswer(func(p *peer) { p.send(text("half")); p.Close() }))
	expect(t, "result", cli(t, "", "exec", "web-1", "cmd", "-a", "app"), result{0, "half", ""})
}

func TestRefusedHandshake(t *testing.T) {
	for _, status := range []int{401, 403, 503} {
		newRack(t, map[string][]answer{execRoute: {{status: status, body: "the reason, never shown"}}})
		got := cli(t, "", "exec", "web-1", "cmd", "-a", "app")
		expect(t, "result", got, result{1, "", "ERROR: websocket: bad handshake\n"})
	}
}

func TestCommandBytesTravelRawAndNewlinesAsBlanks(t *testing.T) {
	r := newRack(t, execAnswer(func(p *peer) { p.send(text(marker+"0\n"), end) }))
	cli(t, "", "exec", "web-1", "echo grüße\nls", "-a", "app")
	expect(t, "Command", r.header(execRoute, "Command"), "echo grüße ls")
}

// The client never closes a connection, also not after the end of the stream, and pings it as long as it lives.
func TestSocketStaysOpenAndPings(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a ping")
	}
	still := make(chan frame, 1)
	r := newRack(t, map[string][]answer{"WS /apps/app/logs": {{play: func(p *peer) {
		p.send(end)
		select {
		case f := <-p.frames:
			still <- f
		case <-time.After(pingEvery + time.Second):
			still <- frame{99, "still open"}
		}
	}}}})
	cli(t, "", "logs", "-a", "app")
	expect(t, "after the end", <-still, frame{99, "still open"})
	// FIN, opcode 9, then a mask bit with length 0.
	expect(t, "pings", strings.Contains(r.heard(), "\x89\x80"), true)
}

func TestProxyCarriesOneConnection(t *testing.T) {
	got := make(chan string, 1)
	r := newRack(t, map[string][]answer{"WS /proxy/echo.internal/7777": {{play: func(p *peer) {
		heard := ""
		for f := p.next(); f.op == 1; f = p.next() {
			heard += f.data
		}
		got <- heard
		p.send(text("bye \xfe\n"), end)
	}}}})
	reader, writer := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run([]string{"proxy", "0:echo.internal:7777", "--tls"}, strings.NewReader(""), writer, io.Discard)
	}()
	line := make([]byte, 100)
	n, _ := reader.Read(line)
	port := regexp.MustCompile(`localhost:(\d+)`).FindStringSubmatch(string(line[:n]))
	if port == nil {
		t.Fatalf("no port in %q", line[:n])
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+port[1])
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("hi \xff"))
	_ = conn.(*net.TCPConn).CloseWrite()
	back, _ := io.ReadAll(conn)
	expect(t, "sent", <-got, "hi \xff")
	expect(t, "received", string(back), "bye \xfe\n")
	expect(t, "status", <-status, 0)
	expectCalls(t, r.calls(), "GET /racks?", "WS /proxy/echo.internal/7777")
	_, told := r.headers["WS /proxy/echo.internal/7777"]["Tls"]
	expect(t, "tls told", told, false)
}

func TestSocketOverTLS(t *testing.T) {
	r := newRack(t, map[string][]answer{"WS /apps/app/logs": play(text("x\n"), end)})
	server := httptest.NewTLSServer(r)
	defer server.Close()
	t.Setenv("RACK_URL", server.URL)
	expect(t, "result", cli(t, "", "logs", "-a", "app"), result{0, "x\n", ""})
	expect(t, "Origin", r.header("WS /apps/app/logs", "Origin"), server.URL)
}
