module github.com/sentientcore/upshift/bench

go 1.26.7

require github.com/gregjones/httpcache v0.0.0-20190611155906-901d90724c79
