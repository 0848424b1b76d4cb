module github.com/sentientcore/upshift/bench

go 1.26.7
