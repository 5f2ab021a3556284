package lb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// AuthorityFile is the certificate to trust, in the data plane's directory; its key lies beside it.
	AuthorityFile = "ca.pem"
	authorityKey  = "ca.key"
	// localDomain is the only domain the authority can sign for, with all below it.
	localDomain  = "localhost"
	authorityFor = 10 * 365 * 24 * time.Hour
	leafFor      = 365 * 24 * time.Hour
	// leafSpare is how long before its end a leaf is made anew.
	leafSpare = 30 * 24 * time.Hour
	// mostLeaves is how many leaves are kept; then all are made anew.
	mostLeaves = 256
)

// authority signs certificates for the names of balancers. It is constrained by name: trusting it
// trusts nobody for any name outside localhost and the loopback addresses.
type authority struct {
	dir string // where its files are; empty keeps it in memory

	mu     sync.Mutex // guards the rest
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	leaves map[string]*tls.Certificate
}

// leaf gives a certificate for names and addresses of this machine; others among them are left
// out.
func (a *authority) leaf(names []string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := strings.Join(names, " ")
	if c := a.leaves[key]; c != nil && time.Until(c.Leaf.NotAfter) > leafSpare {
		return c, nil
	}
	if a.cert == nil {
		if err := a.load(); err != nil {
			return nil, fmt.Errorf("the certificate authority of load balancers: %w", err)
		}
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: localDomain},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			if ip.IsLoopback() && !slices.ContainsFunc(template.IPAddresses, ip.Equal) {
				template.IPAddresses = append(template.IPAddresses, ip)
			}
		} else if (n == localDomain || strings.HasSuffix(n, "."+localDomain)) && !slices.Contains(template.DNSNames, n) {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := sign(template, leafFor, a.cert, &leafKey.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if a.leaves == nil || len(a.leaves) >= mostLeaves {
		a.leaves = map[string]*tls.Certificate{}
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: leafKey, Leaf: parsed}
	a.leaves[key] = c
	return c, nil
}

// sign signs a certificate that holds from now on.
func sign(template *x509.Certificate, length time.Duration, by *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(length)
	return x509.CreateCertificate(rand.Reader, template, by, public, key)
}

// load reads the authority's files, or makes them.
func (a *authority) load() error {
	if a.dir != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, AuthorityFile), filepath.Join(a.dir, authorityKey))
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		switch {
		case err == nil && ok && time.Until(pair.Leaf.NotAfter) > leafFor:
			a.cert, a.key = pair.Leaf, key
			return nil
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:                     pkix.Name{CommonName: "slipway local load balancers", Organization: []string{"slipway"}},
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{localDomain},
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}
	der, err := sign(template, authorityFor, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	a.key = key
	if a.dir == "" {
		return nil
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(a.dir, authorityKey), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, AuthorityFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644) //nolint:gosec // it is there to be read
}
