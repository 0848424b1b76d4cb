// Package api is the admin plane: the REST API under /api/performance, the Prometheus
// exposition and query endpoints, Server-Sent Events, OpenAPI, login, roles and the
// audit log. It serves the dashboard that it is given.
//
// One table (see [Routes]) says what there is: method, path, role, summary, handler.
// The same table registers the routes, decides who may call them and becomes
// /openapi.json, so none of them can drift. A route without a role is refused by [New].
//
//	server, err := api.New(api.Config{}, api.Parts{DataDir: dir, Cache: group, Pool: pool})
//	if err != nil {
//		return err
//	}
//	go server.Run(ctx) // jobs, session expiry
//	return server.HTTPServer().Serve(server.Listener(ln))
//
// A nil part is switched off: its statistics answer zeros with "enabled": false in the
// same shape, and its actions answer 409.
//
// The package decides nothing about health and makes no finding: that is package
// advisor. It holds no samples: that is package metrics.
package api
