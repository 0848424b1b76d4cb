package api_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/memory"
)

// Serve the API over one part, log in with the first token and ask for a collection.
func Example() {
	dir, err := os.MkdirTemp("", "upshift")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	monitor, err := memory.New(memory.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	const token = "a-token-of-your-own-choosing"
	server, err := api.New(api.Config{Listen: "127.0.0.1:0", Token: token}, api.Parts{DataDir: dir, Memory: monitor})
	if err != nil {
		fmt.Println(err)
		return
	}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	run, serve := make(chan error, 1), make(chan error, 1)
	srv := server.HTTPServer()
	go func() { run <- server.Run(ctx) }()
	go func() { serve <- srv.Serve(server.Listener(ln)) }()

	client, err := api.NewClient("http://"+ln.Addr().String(), token)
	if err == nil {
		var gc api.Collection
		fmt.Println(client.Post(ctx, "/memory/gc", nil, &gc), gc.HeapAfterMB > 0)

		// An unknown name is answered with the nearest one there is.
		err = client.Get(ctx, "/metrics?huors=3", nil)
		client.Close()
	}
	var problem *api.Problem
	if errors.As(err, &problem) {
		fmt.Println(problem.Status, problem.Detail, "-", problem.Hint)
	}

	fmt.Println(srv.Shutdown(ctx), errors.Is(<-serve, http.ErrServerClosed))
	stop()
	fmt.Println(<-run)
	// Output:
	// <nil> true
	// 400 query.huors: unknown parameter - did you mean hours?
	// <nil> true
	// <nil>
}

// Make a token while no server runs, as the command line does.
func ExampleOpenTokens() {
	dir, err := os.MkdirTemp("", "upshift")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	tokens, err := api.OpenTokens(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tokens.Close()
	token, secret, err := tokens.Create(api.NewToken{Name: "grafana", Role: api.Viewer})
	fmt.Println(token.Name, token.Role, len(secret), err)
	fmt.Println(len(tokens.List()), tokens.Revoke(token.ID), len(tokens.List()))
	// Output:
	// grafana viewer 57 <nil>
	// 1 <nil> 0
}

// Events reach every client of /events.
func ExampleHub_Publish() {
	dir, err := os.MkdirTemp("", "upshift")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	server, err := api.New(api.Config{}, api.Parts{DataDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.Hub().Publish(api.EventAlert, map[string]string{"rule": "cpu_usage", "status": "firing"})
	fmt.Println(server.Stats().Events)
	// Output: 1
}
