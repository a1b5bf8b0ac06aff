package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// running answers for an app that is up, with what a wait asks besides.
func running(release string) map[string][]answer {
	return map[string][]answer{
		"GET /system":             says(`{"name":"prod","version":"3.1"}`),
		"GET /apps/app":           says(`{"name":"app","status":"running","release":"` + release + `"}`),
		"GET /apps/app/processes": says(`[{"id":"web-1","name":"web","status":"running"}]`),
		"WS /apps/app/logs":       play(text("2026 system/k8s/web started\n2026 service/web/1 noise\n"), end),
	}
}

// waiting are the calls that a wait makes at times of its own.
var waiting = []string{"GET /machines?", "WS /apps/app/logs", "GET /apps/app/processes?"}

func with(answers, more map[string][]answer) map[string][]answer {
	for route, a := range more {
		answers[route] = a
	}
	return answers
}

func TestEnvReadsTheLatestRelease(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"GET /apps/app/releases":    says(`[{"id":"R2"}]`),
		"GET /apps/app/releases/R2": says(`{"id":"R2","env":"SECRET=s3cr3t value\nFOO=bar"}`),
	})
	expect(t, "result", cli(t, "", "env", "-a", "app"), result{0, "FOO=bar\nSECRET=s3cr3t value\n", ""})
	expectCalls(t, r.calls(), "GET /apps/app/releases?limit=1", "GET /apps/app/releases/R2?")
}

func TestEnvOfAnAppWithoutReleases(t *testing.T) {
	newRack(t, map[string][]answer{"GET /apps/app/releases": says(`[]`)})
	expect(t, "result", cli(t, "", "env", "-a", "app"), result{0, "\n", ""})
}

func TestEnvSetWritesTheWholeEnvironmentBack(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"GET /apps/app/releases":    says(`[{"id":"R2"}]`),
		"GET /apps/app/releases/R2": says(`{"id":"R2","env":"FOO=bar\nSECRET=s3cr3t value"}`),
		"GET /system":               says(`{"version":"3.1"}`),
		"POST /apps/app/releases":   says(`{"id":"R3"}`),
	})
	got := cli(t, "", "env", "set", "A=1", "B=x y&z=q", "-a", "app")
	expect(t, "result", got, result{0, "Setting A, B... OK\nRelease: R3\n", ""})
	expectCalls(t, r.calls(), "GET /apps/app/releases?limit=1", "GET /apps/app/releases/R2?", "GET /system?",
		"POST /apps/app/releases? env=A%3D1%0AB%3Dx+y%26z%3Dq%0AFOO%3Dbar%0ASECRET%3Ds3cr3t+value")
}

func TestEnvSetAlsoTakesLinesOfStandardInput(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"GET /apps/app/releases": says(`[]`), "GET /system": says(`{}`), "POST /apps/app/releases": says(`{"id":"R1"}`),
	})
	cli(t, "B=2\nnot a pair\n", "env", "set", "A=1", "-a", "app")
	calls := r.calls()
	expect(t, "form", calls[len(calls)-1], "POST /apps/app/releases? env=A%3D1%0AB%3D2")
}

func TestEnvUnsetTakesOneAway(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"GET /apps/app/releases":    says(`[{"id":"R2"}]`),
		"GET /apps/app/releases/R2": says(`{"id":"R2","env":"A=1\nB=2"}`),
		"GET /system":               says(`{}`),
		"POST /apps/app/releases":   says(`{"id":"R3"}`),
	})
	cli(t, "", "env", "unset", "A", "-a", "app")
	calls := r.calls()
	expect(t, "form", calls[len(calls)-1], "POST /apps/app/releases? env=B%3D2")
}

func TestPromoteWaitsAndFollows(t *testing.T) {
	r := newRack(t, with(running("R6"), map[string][]answer{
		"GET /apps/app": {
			{body: `{"status":"running","release":"R5"}`}, {body: `{"status":"updating"}`},
			{body: `{"status":"running"}`}, {body: `{"status":"running","release":"R6"}`},
		},
		"GET /apps/app/processes": {
			{body: `[{"id":"web-1","name":"web","status":"running"},{"id":"web-2","name":"web","status":"pending"}]`},
			{body: `[{"id":"web-2","name":"web","status":"running"}]`},
		},
		"POST /apps/app/releases/R6/promote": says("ok\n"),
	}))
	got := cli(t, "", "releases", "promote", "R6", "-a", "app")
	expect(t, "errors", got.err, "")
	expect(t, "status", got.status, 0)
	expectCalls(t, r.calls(waiting...), "GET /apps/app?", "POST /apps/app/releases/R6/promote? force=false",
		"GET /apps/app?", "GET /apps/app?", "GET /apps/app?", "GET /apps/app?")
	expect(t, "system lines", strings.Contains(got.out, "2026 system/k8s/web started\n"), true)
	expect(t, "app lines", strings.Contains(got.out, "noise"), false)
	expect(t, "new process", strings.Count(got.out, "web-2") >= 1, true)
	expect(t, "old process", strings.Contains(got.out, "web-1"), false)
	expect(t, "Since", r.header("WS /apps/app/logs", "Since"), "5s")
	expect(t, "Prefix", r.header("WS /apps/app/logs", "Prefix"), "true")
	sockets := strings.Count(strings.Join(r.calls(), "\n"), "WS /apps/app/logs")
	preflights := strings.Count(strings.Join(r.calls(), "\n"), "GET /machines?")
	if sockets < 2 || preflights < sockets {
		t.Errorf("the log was opened %d times after %d preflights", sockets, preflights)
	}
}

func TestPromoteNoticesARollback(t *testing.T) {
	newRack(t, with(running("R5"), map[string][]answer{"POST /apps/app/releases/R6/promote": says("ok\n")}))
	got := cli(t, "", "releases", "promote", "R6", "-a", "app")
	expect(t, "errors", got.err, "ERROR: rollback\n")
	expect(t, "status", got.status, 1)
}

func TestWaitGivesUpAtTheSecondFailureInARow(t *testing.T) {
	r := newRack(t, with(running("R6"), map[string][]answer{
		"GET /apps/app": {
			{body: `{"status":"running"}`}, {status: 502, body: "one"}, {body: `{"status":"running"}`},
			{status: 502, body: "two"}, {status: 502, body: "three"},
		},
		"POST /apps/app/releases/R6/promote": says("ok\n"),
	}))
	got := cli(t, "", "releases", "promote", "R6", "-a", "app")
	expect(t, "errors", got.err, "ERROR: three\n")
	expect(t, "looks", len(r.calls(waiting...)), 6)
}

func TestRollbackCopiesAReleaseForward(t *testing.T) {
	r := newRack(t, with(running("R7"), map[string][]answer{
		"GET /apps/app/releases/R1":          says(`{"id":"R1","build":"B1","env":"A=1"}`),
		"POST /apps/app/releases":            says(`{"id":"R7"}`),
		"POST /apps/app/releases/R7/promote": says("ok\n"),
	}))
	expect(t, "status", cli(t, "", "releases", "rollback", "R1", "-a", "app").status, 0)
	expectCalls(t, r.calls(waiting...)[:3], "GET /apps/app/releases/R1?",
		"POST /apps/app/releases? build=B1&env=A%3D1", "POST /apps/app/releases/R7/promote? force=false")
}

func TestAppsCreateAndDeleteWaitForTwoHits(t *testing.T) {
	r := newRack(t, with(running(""), map[string][]answer{"POST /apps": says(`{"name":"app"}`)}))
	expect(t, "create", cli(t, "", "apps", "create", "app"), result{0, "Creating app... OK\n", ""})
	expectCalls(t, r.calls(), "POST /apps? name=app", "GET /apps/app?", "GET /apps/app?")

	r = newRack(t, map[string][]answer{
		"DELETE /apps/app": says("ok\n"),
		"GET /apps/app":    {{body: `{"status":"deleting"}`}, {status: 404, body: "app not found: app"}},
	})
	expect(t, "delete", cli(t, "", "apps", "delete", "app"), result{0, "Deleting app... OK\n", ""})
	expectCalls(t, r.calls(), "DELETE /apps/app?", "GET /apps/app?", "GET /apps/app?", "GET /apps/app?")
}

func TestScaleAndRestart(t *testing.T) {
	r := newRack(t, with(running("R1"), map[string][]answer{
		"PUT /apps/app/services/web":          says("ok\n"),
		"GET /apps/app/services":              says(`[{"name":"web"},{"name":"worker"}]`),
		"POST /apps/app/services/web/restart": says("ok\n"),
	}))
	expect(t, "scale", cli(t, "", "scale", "web", "--count", "2", "-a", "app").status, 0)
	expectCalls(t, r.calls(waiting...), "PUT /apps/app/services/web? count=2", "GET /apps/app?", "GET /apps/app?")

	r.seen = nil
	got := cli(t, "", "restart", "-a", "app")
	expect(t, "restart", got.err, "ERROR: response status 404\n")
	expectCalls(t, r.calls(waiting...), "GET /apps/app/services?", "POST /apps/app/services/web/restart?",
		"POST /apps/app/services/worker/restart?")
}

func TestRunStartsExecutesAndStops(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"POST /apps/app/services/web/processes": says(`{"id":"web-9"}`),
		"GET /apps/app/processes/web-9":         {{body: `{"status":"pending"}`}, {body: `{"status":"running"}`}},
		"WS /apps/app/processes/web-9/exec":     play(text("x\n"), text(marker+"4\n"), end),
		"DELETE /apps/app/processes/web-9":      says("ok\n"),
	})
	expect(t, "result", cli(t, "", "run", "web", "echo x", "-a", "app"), result{4, "x\n", ""})
	expectCalls(t, r.calls(), "POST /apps/app/services/web/processes?", "GET /apps/app/processes/web-9?",
		"GET /apps/app/processes/web-9?", "GET /apps/app/processes/web-9?", "GET /machines?",
		"WS /apps/app/processes/web-9/exec", "DELETE /apps/app/processes/web-9?")
	post, exec := "POST /apps/app/services/web/processes", "WS /apps/app/processes/web-9/exec"
	expect(t, "first command", r.header(post, "Command"), "sleep 3600")
	expect(t, "length", r.header(post, "Content-Length"), "0")
	expect(t, "second command", r.header(exec, "Command"), "echo x")
	expect(t, "Entrypoint", r.header(exec, "Entrypoint"), "true")
}

func TestDetachedRunIsTheCommandItself(t *testing.T) {
	r := newRack(t, map[string][]answer{"POST /apps/app/services/web/processes": says(`{"id":"web-9"}`)})
	argv := []string{"run", "-d", "web", "echo detached", "--cpu", "10", "--release", "R2", "-a", "app"}
	expect(t, "result", cli(t, "", argv...), result{0, "Running detached process... OK, web-9\n", ""})
	post := "POST /apps/app/services/web/processes"
	expect(t, "headers", r.header(post, "Command")+r.header(post, "Cpu")+r.header(post, "Release"), "echo detached10R2")
	expectCalls(t, r.calls(), post+"?")
}

func TestRunRejectsANewlineInTheCommand(t *testing.T) {
	r := newRack(t, nil)
	got := cli(t, "", "run", "-d", "web", "a\nb", "-a", "app")
	expect(t, "status", got.status, 1)
	expect(t, "errors", strings.Contains(got.err, "invalid header field value"), true)
	expectCalls(t, r.calls())
}

func deployable() map[string][]answer {
	return with(running("R6"), map[string][]answer{
		"POST /apps/app/builds":              says(`{"id":"B5","status":"running"}`),
		"WS /apps/app/builds/B5/logs":        {{play: func(p *peer) { p.send(text("one\n"), end) }}, {play: func(p *peer) { p.send(text("one\n"), text("two\n"), end) }}},
		"GET /apps/app/builds/B5":            {{body: `{"id":"B5","status":"running"}`}, {body: `{"id":"B5","status":"complete","release":"R6"}`}},
		"POST /apps/app/releases/R6/promote": says("ok\n"),
	})
}

// sourceDirectory is a place to deploy from, outside any clone.
func sourceDirectory(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("sub", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("sub", "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDeployUploadsAGzippedTar(t *testing.T) {
	sourceDirectory(t)
	r := newRack(t, deployable())
	expect(t, "upload refused", cli(t, "", "deploy", "-a", "app").err, "ERROR: response status 404\n")
	upload := r.calls()[1]
	expect(t, "object name", regexp.MustCompile(`^POST /apps/app/objects/tmp/[0-9a-f]{30}\.tgz\?$`).MatchString(upload), true)
	route := strings.TrimSuffix(upload, "?")
	expect(t, "type", r.header(route, "Content-Type"), "application/octet-stream")
	expect(t, "chunked", r.header(route, "Transfer-Encoding"), "")
	gz, err := gzip.NewReader(bytes.NewReader(r.body(route)))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "entries", tarEntries(t, gz), "sub/ sub/file=content")
}

func TestDeployCalls(t *testing.T) {
	sourceDirectory(t)
	r := newRack(t, deployable())
	r.object = `{"Url":"object://app/tmp/e353.tgz"}`
	got := cli(t, "", "deploy", "--build-args", "A=1", "--build-args", "B=x,y", "--no-cache", "--description", "first & only", "-a", "app")
	expect(t, "errors", got.err, "")
	expect(t, "log", strings.Contains(got.out, "OK\none\ntwo\nBuild:   B5\nRelease: R6\n"), true)
	calls := r.calls("WS /apps/app/logs", "GET /apps/app/processes?", "POST /apps/app/objects/tmp/")
	expectCalls(t, calls[:11], "GET /system?",
		"POST /apps/app/builds? build-args=A%3D1%2CB%3Dx%2Cy&description=first+%26+only&no-cache=true&url=object%3A%2F%2Fapp%2Ftmp%2Fe353.tgz",
		"GET /machines?", "WS /apps/app/builds/B5/logs", "GET /apps/app/builds/B5?", "GET /apps/app/builds/B5?",
		"GET /apps/app/builds/B5?", "GET /machines?", "WS /apps/app/builds/B5/logs", "GET /apps/app?",
		"POST /apps/app/releases/R6/promote? force=false")
	_, options := r.headers["WS /apps/app/builds/B5/logs"]["Prefix"]
	expect(t, "option headers on the build log", options, false)
}

func TestFailedBuildFailsAndIsNotPromoted(t *testing.T) {
	sourceDirectory(t)
	r := newRack(t, with(deployable(), map[string][]answer{"GET /apps/app/builds/B5": says(`{"id":"B5","status":"failed"}`)}))
	r.object = `{"Url":"object://app/tmp/e353.tgz"}`
	got := cli(t, "", "deploy", "-a", "app")
	expect(t, "errors", got.err, "ERROR: build failed\n")
	expect(t, "promoted", slices.ContainsFunc(r.calls(), func(c string) bool { return strings.Contains(c, "promote") }), false)
}

func TestCpUploadsATarOfKnownLength(t *testing.T) {
	r := newRack(t, map[string][]answer{"POST /apps/app/processes/web-1/files": says("ok\n")})
	local := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(local, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := cli(t, "", "cp", local, "web-1:/tmp/f", "--tar-extra", "X", "-a", "app")
	expect(t, "result", got, result{0, "", ""})
	route := "POST /apps/app/processes/web-1/files"
	expectCalls(t, r.calls(), route+"?tar-extra=X")
	expect(t, "length", r.header(route, "Content-Length"), "2048")
	expect(t, "entries", tarEntries(t, bytes.NewReader(r.body(route))), "/tmp/f=hello")
}

func TestCpDownloads(t *testing.T) {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	_ = tw.WriteHeader(&tar.Header{Name: "tmp/x", Typeflag: tar.TypeReg, Mode: 0o644, Size: 2})
	_, _ = tw.Write([]byte("\xff\n"))
	_ = tw.Close()
	r := newRack(t, map[string][]answer{"GET /apps/app/processes/web-1/files": says(archive.String())})
	local := filepath.Join(t.TempDir(), "back")
	got := cli(t, "", "cp", "web-1:/tmp/x", local, "-a", "app")
	expect(t, "result", got, result{0, "", ""})
	expectCalls(t, r.calls(), "GET /apps/app/processes/web-1/files?file=%2Ftmp%2Fx")
	data, err := os.ReadFile(local)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "content", string(data), "\xff\n")
}

func TestCpWritesNothingOutsideItsTarget(t *testing.T) {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	_ = tw.WriteHeader(&tar.Header{Name: "tmp/x/../../../evil", Typeflag: tar.TypeReg, Mode: 0o644})
	_ = tw.Close()
	newRack(t, map[string][]answer{"GET /apps/app/processes/web-1/files": says(archive.String())})
	dir := t.TempDir()
	got := cli(t, "", "cp", "web-1:/tmp/x", filepath.Join(dir, "in"), "-a", "app")
	expect(t, "errors", got.err, "ERROR: illegal file path in archive: tmp/x/../../../evil\n")
}

func TestImportsAreChunked(t *testing.T) {
	r := newRack(t, map[string][]answer{
		"GET /system":                     says(`{}`),
		"POST /apps/app/builds/import":    says(`{"release":"R8"}`),
		"PUT /apps/app/resources/db/data": says("ok\n"),
		"GET /apps/app/builds/B1.tgz":     says("packed"),
		"GET /apps/app/resources/db/data": says("dump"),
	})
	file := filepath.Join(t.TempDir(), "b.tgz")
	expect(t, "export", cli(t, "", "builds", "export", "B1", "-f", file, "-a", "app"), result{0, "", ""})
	expect(t, "import", cli(t, "", "builds", "import", "-f", file, "-a", "app"), result{0, "Importing build... OK, R8\n", ""})
	expect(t, "resource import", cli(t, "", "resources", "import", "db", "-f", file, "-a", "app"), result{0, "", ""})
	expect(t, "resource export", cli(t, "", "resources", "export", "db", "-a", "app"), result{0, "dump", ""})
	for _, route := range []string{"POST /apps/app/builds/import", "PUT /apps/app/resources/db/data"} {
		expect(t, route, r.header(route, "Transfer-Encoding")+" "+string(r.body(route)), "chunked packed")
	}
	expectCalls(t, r.calls(), "GET /apps/app/builds/B1.tgz?", "GET /system?", "POST /apps/app/builds/import?",
		"PUT /apps/app/resources/db/data?", "GET /apps/app/resources/db/data?")
}

// tarEntries lists an archive as `name` or `name=content`.
func tarEntries(t *testing.T, r io.Reader) string {
	t.Helper()
	entries := []string{}
	tr := tar.NewReader(r)
	for {
		header, err := tr.Next()
		if err == io.EOF {
			return strings.Join(entries, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		entry := header.Name
		if header.Typeflag == tar.TypeReg {
			data, _ := io.ReadAll(tr)
			entry += "=" + string(data)
		}
		entries = append(entries, entry)
	}
}
