package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAppsRequestByteForByte(t *testing.T) {
	r := newRack(t, map[string][]answer{"GET /apps": says(`[{"name":"app","status":"running","release":"R2"}]`)})
	got := cli(t, "", "apps")
	expect(t, "output", got, result{0, "APP  STATUS   RELEASE\napp  running  R2\n", ""})
	expect(t, "request", r.heard(), "GET /apps? HTTP/1.1\r\n"+
		"Host: "+strings.TrimPrefix(r.url, "http://")+"\r\n"+
		"User-Agent: convox.go/dev\r\n"+
		"Accept: */*\r\n"+
		"Authorization: Basic Y29udm94OnNla3JldDEyMw==\r\n"+
		"Content-Type: application/octet-stream\r\n"+
		"Version: dev\r\n"+
		"Accept-Encoding: gzip\r\n\r\n")
}

func TestPathPrefixAndTrailingSlashOfRackURL(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"GET /racks/prod/apps": says(`[]`), "GET /racks/prod//apps": says(`[]`),
		"WS /racks/prod/apps/app/logs": play(end),
	})
	base := strings.Replace(r.url, "://", "://u:p@", 1)
	t.Setenv("RACK_URL", base+"/racks/prod")
	cli(t, "", "apps")
	cli(t, "", "logs", "-a", "app")
	t.Setenv("RACK_URL", base+"/racks/prod/")
	cli(t, "", "apps")
	expectCalls(t, r.calls(), "GET /racks/prod/apps?", "GET /racks/prod/machines?", "WS /racks/prod/apps/app/logs",
		"GET /racks/prod//apps?")
}

func TestCredentialStaysPercentEncoded(t *testing.T) {
	r := newRack(t, map[string][]answer{"GET /apps": says(`[]`)})
	t.Setenv("RACK_URL", strings.Replace(r.url, "://", "://convox:a%40b%2Fc@", 1))
	cli(t, "", "apps")
	expect(t, "Authorization", r.header("GET /apps", "Authorization"), "Basic Y29udm94OmElNDBiJTJGYw==")
}

func TestNoUserinfoSendsNoAuthorization(t *testing.T) {
	r := newRack(t, map[string][]answer{"GET /apps": says(`[]`)})
	t.Setenv("RACK_URL", r.url)
	cli(t, "", "apps")
	expect(t, "Authorization", r.header("GET /apps", "Authorization"), "")
}

func TestTLSOffersNoALPNAndTakesAnyCertificate(t *testing.T) {
	newRack(t, nil)
	offered := make(chan []string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("[]"))
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		offered <- hello.SupportedProtos
		return nil, nil
	}}
	server.StartTLS()
	defer server.Close()
	t.Setenv("RACK_URL", server.URL)
	expect(t, "status", cli(t, "", "apps").status, 0)
	expect(t, "protocols offered", len(<-offered), 0)
}

func TestErrorTexts(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		want   string
	}{
		"text":            {answer{status: 403, body: "permission denied\n"}, "ERROR: permission denied\n"},
		"json":            {answer{status: 401, body: `{"error":"who are you"}`}, "ERROR: who are you\n"},
		"empty 404":       {answer{status: 404}, "ERROR: response status 404\n"},
		"not json at 200": {answer{body: "hello"}, "ERROR: invalid character 'h' looking for beginning of value\n"},
	} {
		t.Run(name, func(t *testing.T) {
			newRack(t, map[string][]answer{"GET /apps": {c.answer}})
			expect(t, "result", cli(t, "", "apps"), result{1, "", c.want})
		})
	}
}

func TestBadCommandLinesSayWhy(t *testing.T) {
	newRack(t, nil)
	for line, want := range map[string]string{
		"nonsense":      `ERROR: unknown command: "nonsense"`,
		"":              `ERROR: unknown command: ""`,
		"apps --colour": "ERROR: unknown flag: --colour",
		"logs -a":       "ERROR: flag needs a value: -a",
		"logs --id=yes": "ERROR: flag takes no value: --id=yes",
		"exec pid":      "ERROR: usage: wire-cli exec <pid> <command>",
		"cp here there": "ERROR: one of the two must be <pid>:<path>",
		"cp a pid:tmp":  "ERROR: must specify absolute paths for processes",
		"cp pid:tmp a":  "ERROR: must specify absolute paths for processes",
		"proxy 1:2:3:4": "ERROR: invalid argument: 1:2:3:4",
	} {
		got := cli(t, "", strings.Fields(line)...)
		expect(t, line, got, result{1, "", want + "\n"})
	}
}

func TestBadEnvironmentSaysWhy(t *testing.T) {
	newRack(t, nil)
	t.Setenv("WIRE_CLI_POLL", "soon")
	expect(t, "poll", cli(t, "", "apps").err, "ERROR: WIRE_CLI_POLL: \"soon\" is not a duration of 5ms or more\n")
	for _, bad := range []string{"", "rack.example", "ftp://host"} {
		t.Setenv("RACK_URL", bad)
		got := cli(t, "", "apps")
		if got.status != 1 || !strings.HasPrefix(got.err, "ERROR: RACK_URL") {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

func TestReadingCommandsAndTheirCalls(t *testing.T) {
	answers := map[string][]answer{
		"GET /apps/app":                                  says(`{"name":"app","status":"running","release":"R1"}`),
		"GET /apps/app/processes":                        says(`[{"id":"web-1","name":"web","status":"running","command":"serve"}]`),
		"GET /apps/app/services":                         says(`[{"name":"web","count":2,"domain":"web.example"}]`),
		"GET /apps/app/releases":                         says(`[{"id":"R1"},{"id":"R0"}]`),
		"GET /apps/app/builds":                           says(`[{"id":"B1","status":"complete"}]`),
		"GET /apps/app/resources":                        says(`[]`),
		"GET /system":                                    says(`{"name":"prod","version":"3.1"}`),
		"GET /instances":                                 says(`[]`),
		"GET /certificates":                              says(`[]`),
		"GET /registries":                                says(`[{"server":"s","username":"u","password":"p"}]`),
		"DELETE /registries/https://index.docker.io/v1/": says("ok\n"),
	}
	for line, want := range map[string][]string{
		"apps info -a app":        {"GET /apps/app?"},
		"ps -a app --service web": {"GET /apps/app/processes?service=web", "GET /apps/app/budget?"},
		"services -a app":         {"GET /apps/app/services?", "GET /apps/app/budget?"},
		"releases -a app":         {"GET /apps/app?", "GET /apps/app/releases?"},
		"builds -a app --limit=3": {"GET /apps/app/builds?limit=3"},
		"resources -a app":        {"GET /apps/app/resources?"},
		"rack":                    {"GET /system?"},
		"instances":               {"GET /instances?"},
		"certs":                   {"GET /certificates?"},
		"certs --generated":       {"GET /certificates? generated=true"},
		"registries":              {"GET /registries?"},
		"registries remove https://index.docker.io/v1/": {"GET /system?", "DELETE /registries/https://index.docker.io/v1/?"},
		"api get /instances?a=1":                        {"GET /instances?a=1?"},
	} {
		t.Run(line, func(t *testing.T) {
			r := newRack(t, answers)
			got := cli(t, "", strings.Fields(line)...)
			expect(t, "status", got.status, 0)
			expect(t, "errors", got.err, "")
			expectCalls(t, r.calls(), want...)
		})
	}
}
