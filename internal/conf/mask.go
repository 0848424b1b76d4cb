package conf

import (
	"net/url"
	"regexp"
	"strings"
)

// masked stands for a secret.
const masked = "***"

// maskSecret hides a secret. Of a URL it leaves what names the place and hides what opens
// it: user, password and query; of a web address the path too, which opens webhooks.
func maskSecret(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || !plainHost(u.Host) {
		return masked
	}
	shown := u.Scheme + "://"
	if u.User != nil {
		if _, has := u.User.Password(); has && u.User.Username() != "" {
			shown += url.User(u.User.Username()).String() + ":"
		}
		shown += masked + "@"
	}
	shown += u.Host
	switch {
	case (u.Scheme == "http" || u.Scheme == "https") && (len(u.Path) > 1 || u.RawQuery != ""):
		return shown + "/" + masked
	case u.RawQuery != "":
		return shown + u.EscapedPath() + "?" + masked
	}
	return shown + u.EscapedPath()
}

// plainHost reports whether a host is one: a password that was not escaped, such as
// p/w@host, makes a URL parse in the wrong places.
func plainHost(host string) bool { return !strings.ContainsAny(host, "@%") }

// maskURL hides the password of every URL in text that is no secret as a whole.
func maskURL(text string) string {
	return userInfo().ReplaceAllString(text, "$1"+masked+"@")
}

// userInfo finds the user and password of a URL, with what is before them.
func userInfo() *regexp.Regexp {
	return regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s,]*@`)
}
