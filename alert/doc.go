// Package alert watches the metrics that are stored and says when something is wrong.
//
// An [Engine] has four rules, made from [Thresholds]: response time, CPU, memory and error
// rate. Each is a PromQL expression over a [metrics.Store], the same numbers that the charts
// show. Call [Engine.Evaluate] after every [metrics.Store.Append]; run [Engine.Run] to have
// what it finds sent to a webhook.
//
//	engine, err := alert.New(alert.Config{}, alert.Thresholds{}, store, logger)
//	if err != nil {
//		return err
//	}
//	go engine.Run(ctx)
//	transitions, err := engine.Evaluate(ctx, time.Now())
//
// # States
//
// A value above its threshold makes the alert pending; after [Config.For] of it, the alert
// fires. It resolves only when the value has been below nine tenths of the threshold for
// [Config.KeepFiring]: a value that swings around the threshold is one alert, not many.
//
// Without data, or with fewer than [Config.MinRequests] requests where the rule is about
// requests, an alert keeps its state and no time counts towards the next: that nothing is
// heard is not a sign that all is well.
//
// # Notifications
//
// A transition to firing and to resolved is logged, and sent to [Config.WebhookURL] as JSON,
// in order, each tried again for a quarter of an hour. At most 64 wait; then the oldest is
// dropped and counted. Evaluate never waits for a receiver. The header Idempotency-Key is
// the same for each try of one notification.
//
// The webhook goes to public addresses only, unless [Config.WebhookAllowPrivate] is set, and
// never to the metadata services of clouds. This is decided when the connection is made, so
// a name cannot change its meaning in between. Redirects and proxies are not used.
//
// # What it does not do
//
// The state is in memory: after a restart an alert begins anew. There are no silences and no
// rules of one's own yet.
package alert
