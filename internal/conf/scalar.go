package conf

import (
	"errors"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// scalar sets v, which is no struct, map or list, from text. The error says what the
// text must be; key decides whether a number is a size.
func scalar(v reflect.Value, key, text string) error {
	if v.Kind() != reflect.String {
		text = strings.TrimSpace(text)
	}
	switch {
	case isDuration(v.Type()):
		d, err := parseDuration(text)
		v.SetInt(int64(d))
		return err
	case v.Kind() == reflect.Int64 && isSize(key):
		n, err := parseSize(text)
		v.SetInt(n)
		return err
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return errors.New("must be one line of UTF-8 text without control characters")
		}
		v.SetString(text)
	case reflect.Bool:
		b, err := parseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int64:
		n, err := parseInt(text)
		if err != nil || v.OverflowInt(n) {
			return errors.New("must be a whole number")
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("must be a number")
		}
		v.SetFloat(f)
	default:
		return errors.New("cannot be configured")
	}
	return nil
}

// isSize reports whether a key names a number of bytes.
func isSize(key string) bool { return strings.HasSuffix(key, "_bytes") }

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

// parseInt reads a decimal number, or one that begins with 0x or 0o.
func parseInt(text string) (int64, error) {
	if lower := strings.ToLower(text); strings.HasPrefix(lower, "0x") || strings.HasPrefix(lower, "0o") {
		return strconv.ParseInt(lower, 0, 64)
	}
	return strconv.ParseInt(text, 10, 64)
}

// parseDuration reads a number of seconds or Go's form of a duration.
func parseDuration(text string) (time.Duration, error) {
	fault := errors.New("must be a duration such as 90s or 90m")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > math.MaxInt64/int64(time.Second) || n < math.MinInt64/int64(time.Second) {
			return 0, fault
		}
		return time.Duration(n) * time.Second, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		ns := math.Round(f * float64(time.Second))
		if math.IsNaN(ns) || math.Abs(ns) >= math.MaxInt64 {
			return 0, fault
		}
		return time.Duration(ns), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fault
	}
	return d, nil
}

func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeUnit is the number of bytes in a unit, 0 when there is none of that name. Single
// letters are left out: M is 1000² to some and 1024² to others.
func sizeUnit(name string) int64 {
	switch strings.ToLower(name) {
	case "", "b":
		return 1
	case "kb":
		return 1e3
	case "mb":
		return 1e6
	case "gb":
		return 1e9
	case "tb":
		return 1e12
	case "kib":
		return 1 << 10
	case "mib":
		return 1 << 20
	case "gib":
		return 1 << 30
	case "tib":
		return 1 << 40
	}
	return 0
}

// parseSize reads a number of bytes: 4096, 256MiB, 1.5GB.
func parseSize(text string) (int64, error) {
	fault := errors.New("must be a size such as 256MiB, 1GB or a number of bytes")
	number := strings.TrimRightFunc(text, unicode.IsLetter)
	unit := sizeUnit(text[len(number):])
	number = strings.TrimSpace(number)
	if unit == 0 || len(number) > 32 || strings.Trim(number, "+-.0123456789") != "" {
		return 0, fault
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, fault
	}
	r.Mul(r, new(big.Rat).SetInt64(unit))
	n := new(big.Int).Quo(r.Num(), r.Denom())
	if !n.IsInt64() {
		return 0, fault
	}
	return n.Int64(), nil
}

func formatSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := sizeUnit(unit); n != 0 && n%size == 0 {
			return strconv.FormatInt(n/size, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func formatFloat(f float64) string {
	if a := math.Abs(f); a == 0 || a >= 1e-4 && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
