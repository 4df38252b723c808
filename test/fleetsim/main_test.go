package fleetsim_test

import (
	"os"
	"testing"

	"github.com/daemonsetd/daemonsetd/test/virtual"
)

func TestMain(m *testing.M) { os.Exit(virtual.Main(m)) }
