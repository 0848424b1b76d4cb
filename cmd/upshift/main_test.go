package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sentientcore/upshift/api"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"upshift": main})
}

// TestScripts runs every script: the command line as a person sees it, in processes of
// its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": expectCode, "await": awaitServer, "signal": sendSignal, "occupy": occupyPort,
			"unhealthy": expectUnhealthy, "revoke": revokeToken, "empty": expectEmpty,
		},
	})
}

// expectCode is: code N command [args…]: the command ends with N.
func expectCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%q ended with %d, want %d", args[1:], got, want)
	}
}

// awaitServer is: await DIR: the server on that data directory is ready.
func awaitServer(ts *testscript.TestScript, _ bool, args []string) {
	socket := ts.MkAbs(args[0]) + "/api.sock"
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := client.Get("http://localhost/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no server became ready at %s: %v", socket, err)
		}
	}
}

// sendSignal is: signal TERM|HUP|INT: to the command that was started last.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	started := ts.BackgroundCmds()
	if len(started) == 0 {
		ts.Fatalf("no command runs")
	}
	which := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": os.Interrupt}[args[0]]
	ts.Check(started[len(started)-1].Process.Signal(which))
}

// occupyPort is: occupy VARIABLE: another program has the port in $VARIABLE.
func occupyPort(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	ts.Setenv(args[0], ln.Addr().String())
}

// expectUnhealthy is: unhealthy DIR: status ends with 3, now or soon.
func expectUnhealthy(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := ts.Exec("upshift", "status", "--json", "--fail-below", "0", "--data-dir", args[0])
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitUnhealthy {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the server never became unhealthy: %v", err)
		}
	}
}

// revokeToken is: revoke NAME DIR: the token of that name is revoked.
func revokeToken(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("upshift", "token", "list", "--json", "--data-dir", args[1]))
	var all []api.Token
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &all))
	for _, t := range all {
		if t.Name == args[0] {
			ts.Check(ts.Exec("upshift", "token", "revoke", t.ID, "--data-dir", args[1]))
			return
		}
	}
	ts.Fatalf("no token is called %s", args[0])
}

// expectEmpty is: empty DIR: nothing is in it.
func expectEmpty(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s still holds %v", args[0], entries)
	}
}
