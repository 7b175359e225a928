package settings_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/settings"
)

const seed = "SUAHC4KPBMRYNNWLMO4AZYKMFT2BXRNGYQHGJ7FT6FWHUG7J2ZCAN4RYNQ"

// certificate returns a certificate and its private key, both in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func forNATS() *settings.Settings { return settings.New(settings.NATSURL).WithNATS().WithStreams() }

func TestNATSLogin(t *testing.T) {
	cert, key := certificate(t)
	t.Run("seed and certificates are taken by path and by content", func(t *testing.T) {
		for name, env := range map[string]map[string]string{
			"paths":    {"NATS_NKEY": write(t, seed+"\n"), "NATS_CA": write(t, cert), "NATS_CERT": write(t, cert), "NATS_KEY": write(t, key)},
			"contents": {"NATS_NKEY_FILE": write(t, seed+"\n"), "NATS_CA_FILE": write(t, cert), "NATS_CERT": cert, "NATS_KEY": key},
		} {
			env["NATS_URL"] = "nats://queue.example"
			s := forNATS()
			if err := load(t, s, env); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if c := s.NATS.TLS(); c == nil || c.RootCAs == nil || len(c.Certificates) != 1 || s.NATS.NKey.Reveal() != seed {
				t.Errorf("%s: not all of it has arrived", name)
			}
			if len(s.Warnings) > 0 {
				t.Errorf("%s: encryption is insisted on, and still %v", name, s.Warnings)
			}
			for _, shown := range []string{fmt.Sprintf("%+v %#v", s, s), fmt.Sprintf("%+v", *s), fmt.Sprintf("%+v", *s.NATS)} {
				if strings.Contains(shown, seed) || strings.Contains(shown, "PRIVATE KEY") {
					t.Errorf("%s: a secret is shown", name)
				}
			}
		}
	})

	t.Run("without any of them nothing is set", func(t *testing.T) {
		s := forNATS()
		if err := load(t, s, map[string]string{"NATS_URL": "nats://127.0.0.1"}); err != nil || s.NATS.TLS() != nil || s.Streams != (settings.Streams{}) {
			t.Errorf("TLS is %v, streams are %+v, error %v", s.NATS.TLS(), s.Streams, err)
		}
	})

	otherCert, _ := certificate(t)
	for name, tt := range map[string]struct {
		env   map[string]string
		flags []string
		want  []string
	}{
		"all that is wrong is reported together": {
			env: map[string]string{"NATS_URL": "nats://h", "NATS_NKEY": write(t, canary), "NATS_CA": write(t, canary), "NATS_CERT": "/nowhere/" + canary,
				"NATS_KEY": "/nowhere/" + canary, "NATS_REPLICAS": "2", "NATS_STORAGE": "tape", "NATS_MAX_BYTES": "much"},
			want: []string{"NATS_NKEY", "NATS_CA", "NATS_CERT", "NATS_KEY", "NATS_REPLICAS", "NATS_STORAGE", "NATS_MAX_BYTES"},
		},
		"an NKey beside credentials":        {env: map[string]string{"NATS_URL": "nats://h", "NATS_NKEY": seed, "NATS_CREDS": creds}, want: []string{"NATS_NKEY"}},
		"a certificate without its key":     {env: map[string]string{"NATS_URL": "nats://h", "NATS_CERT": cert}, want: []string{"NATS_CERT"}},
		"a key of another certificate":      {env: map[string]string{"NATS_URL": "nats://h", "NATS_CERT": otherCert, "NATS_KEY": key}, want: []string{"NATS_CERT"}},
		"what belongs to a NATS without it": {env: map[string]string{"NATS_NKEY": seed, "NATS_CA": cert, "NATS_REPLICAS": "3"}, want: []string{"NATS_NKEY", "NATS_CA", "NATS_REPLICAS"}},
		"a seed in a flag":                  {env: map[string]string{"NATS_URL": "nats://h"}, flags: []string{"--nats-nkey", seed}, want: []string{"--nats-nkey"}},
		"a private key in a flag":           {env: map[string]string{"NATS_URL": "nats://h", "NATS_CERT": cert}, flags: []string{"--nats-key", key}, want: []string{"--nats-key"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			err := load(t, forNATS(), tt.env, tt.flags...)
			if err == nil {
				t.Fatal("it is accepted")
			}
			if diff := cmp.Diff(tt.want, names(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), seed) || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("error %q shows a secret", err)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	for text, want := range map[string]int64{"1MiB": 1 << 20, "1048576": 1 << 20, "256MiB": 256 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40} {
		s := forNATS()
		err := load(t, s, map[string]string{"NATS_URL": "nats://127.0.0.1"}, "--nats-replicas", "3", "--nats-storage", "memory", "--nats-max-bytes", text)
		if diff := cmp.Diff(settings.Streams{Replicas: 3, Memory: true, MaxBytes: want}, s.Streams); diff != "" || err != nil {
			t.Errorf("%s: error %v, %s", text, err, diff)
		}
	}
	for _, text := range []string{"0", "-1", "1023KiB", "1MB", "9999999999GiB", "999999999999999999TiB", "MiB"} {
		if err := load(t, forNATS(), map[string]string{"NATS_URL": "nats://127.0.0.1", "NATS_MAX_BYTES": text}); err == nil {
			t.Errorf("%s is a size", text)
		}
	}
}
