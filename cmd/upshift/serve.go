package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift"
)

// memoryShare of the container's limit is what the Go runtime may fill.
const memoryShare = 0.9

// serveCmd is upshift serve.
type serveCmd struct {
	logFlags
}

func newServe(a *app) *cobra.Command {
	s := &serveCmd{}
	c := a.command("serve", "Run the gateway, the API and the dashboard.", s.run)
	s.add(c)
	return c
}

// run serves until SIGINT or SIGTERM, which drains; a second one ends it at once. SIGHUP
// reads the configuration again.
func (c *serveCmd) run(parent context.Context, a *app) error {
	cfg, settings, err := a.load()
	if err != nil {
		return err
	}
	logger := c.logger(a.stderr)
	if !cfg.Memory.GCTuner || !cfg.Memory.MonitoringEnabled {
		limitMemory(logger) // else the tuner does, and follows the limit when it changes
	}
	m, err := upshift.New(cfg, upshift.Collaborators{
		Logger: logger, Load: a.load, Settings: settings, Version: versionText(),
	})
	if err != nil {
		return usageError{err}
	}
	ctx, again, stop := interrupts(parent)
	defer stop()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err := m.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was ended before it had begun, and has undone that
		}
		return err
	}
	a.announce(m, cfg)
	waitAndReload(ctx, m, logger, hangups)
	logger.Info("draining", "signal_again_to_stop_at_once", true)
	if err := orCut(again, func() error { return m.Shutdown(context.WithoutCancel(ctx)) }); err != nil {
		return err
	}
	logger.Info("stopped")
	return nil
}

// waitAndReload returns when ctx ends.
func waitAndReload(ctx context.Context, m *upshift.Manager, logger *slog.Logger, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			if err := m.Reload(ctx); err != nil {
				logger.Error("configuration not reloaded, the old one stays in force",
					"err", strings.ReplaceAll(err.Error(), "\n", "; "))
			}
		}
	}
}

// announce prints where everything is, and the login link of a first start.
func (a *app) announce(m *upshift.Manager, cfg upshift.Config) {
	scheme := "http"
	if cfg.API.TLS() {
		scheme = "https"
	}
	fmt.Fprintf(a.stdout, "upshift %s\n", versionText())
	fmt.Fprintf(a.stdout, "  gateway    http://%s\n", m.GatewayAddr())
	fmt.Fprintf(a.stdout, "  dashboard  %s://%s\n", scheme, m.APIAddr())
	if link := m.LoginURL(); link != "" {
		fmt.Fprintf(a.stdout, "  log in     %s\n", link)
		fmt.Fprintln(a.stdout, "             (shown this once; upshift token create makes another token)")
	}
	if cfg.LoadBalancer.Enabled && len(cfg.LoadBalancer.Servers) == 0 {
		fmt.Fprintln(a.stdout, "  no servers yet: set load_balancer.servers, such as --set load_balancer.servers=a=http://127.0.0.1:9000")
	}
}

// limitMemory tells the Go runtime the limit of the container. GOMEMLIMIT wins, and a
// machine without limits has none.
func limitMemory(logger *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(memlimit.FromCgroup))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
		logger.Debug("memory is not limited", "reason", err.Error())
	case err != nil:
		logger.Warn("memory limit not found, set GOMEMLIMIT when there is one", "err", err)
	default:
		logger.Debug("memory limit of the runtime", "limit_bytes", limit)
	}
}
