// Package role holds what runs in child processes of a measurement: the backend that
// answers, and the bare reverse proxy that Upshift's gateway is compared with.
package role
