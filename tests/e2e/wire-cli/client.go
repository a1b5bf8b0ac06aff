package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sdkVersion is what the stock CLI sends: nothing ever sets its SDK's version to a released one.
const sdkVersion = "dev"

// shared keeps connections alive between the calls of one command. A dialer and TLS settings of its own switch HTTP/2
// off, so no ALPN is offered. Any certificate is accepted, proxies of the environment are not used, and there is no
// limit on how long a response may take.
var shared = &http.Client{Transport: &http.Transport{
	DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 10 * time.Second}).DialContext,
	MaxIdleConns:          100,
	IdleConnTimeout:       90 * time.Second,
	TLSHandshakeTimeout:   10 * time.Second,
	ExpectContinueTimeout: time.Second,
	TLSClientConfig:       &tls.Config{InsecureSkipVerify: true},
}}

type client struct{ endpoint *url.URL }

func newClient(rackURL string) (*client, error) {
	if rackURL == "" {
		return nil, errors.New("RACK_URL is not set; give http(s)://user:password@host/prefix")
	}
	u, err := url.Parse(rackURL)
	if err != nil {
		return nil, fmt.Errorf("RACK_URL: %w", err)
	}
	if u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("RACK_URL: must be http(s)://user:password@host/prefix")
	}
	return &client{endpoint: u}, nil
}

// request is one call: a form or a raw body, never both.
type request struct {
	query   url.Values
	form    url.Values
	body    io.Reader
	headers map[string]string
}

func (r request) content() (io.Reader, string) {
	if len(r.form) > 0 {
		return bytes.NewReader([]byte(r.form.Encode())), "application/x-www-form-urlencoded"
	}
	return r.body, "application/octet-stream"
}

// headers are on every HTTP request and websocket handshake. The Basic text is the userinfo as it stands in RACK_URL,
// still percent-encoded.
func (c *client) headers() http.Header {
	h := http.Header{}
	h.Set("User-Agent", "convox.go/"+sdkVersion)
	h.Set("Version", sdkVersion)
	if user := c.endpoint.User; user != nil {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.String())))
	}
	return h
}

// stream sends one request and gives the response with its body still to be read. Path pieces go in unescaped, and
// the request line ends in `?` even when there is no query.
func (c *client) stream(method, path string, r request) (*http.Response, error) {
	body, contentType := r.content()
	target := fmt.Sprintf("%s://%s%s%s?%s", c.endpoint.Scheme, c.endpoint.Host, c.endpoint.Path, path, r.query.Encode())
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header = c.headers()
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Content-Type", contentType)
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	res, err := shared.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 400 {
		return nil, responseError(res)
	}
	return res, nil
}

// call sends one request and decodes the JSON answer into out. With a nil out the body is closed unread.
func (c *client) call(method, path string, r request, out any) error {
	res, err := c.stream(method, path, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, out)
}

func (c *client) get(path string, out any) error { return c.call("GET", path, request{}, out) }

// responseError is the `error` of a JSON body, else the body's text, else the status.
func responseError(res *http.Response) error {
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var e struct{ Error string }
	if json.Unmarshal(data, &e) == nil && e.Error != "" {
		return errors.New(e.Error)
	}
	if text := strings.TrimSpace(string(data)); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("response status %d", res.StatusCode)
}
