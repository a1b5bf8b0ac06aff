package main

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// proxy carries one local connection to a host inside the rack and ends with it. `--tls` is accepted, and as with the
// stock CLI it never reaches the rack.
func proxy(s *session) error {
	parts := strings.Split(s.arg(0), ":")
	if len(parts) == 2 {
		parts = []string{parts[1], parts[0], parts[1]}
	}
	if len(parts) != 3 {
		return fmt.Errorf("invalid argument: %s", s.arg(0))
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+parts[0])
	if err != nil {
		return err
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	s.say("proxying localhost:%d to %s:%s\n", port, parts[1], parts[2])
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := s.socket("/proxy/"+parts[1]+"/"+parts[2], nil, conn)
	if err != nil {
		return err
	}
	_, err = io.Copy(conn, stream)
	return err
}
