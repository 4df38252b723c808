package gossip_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestThree: three members find each other and learn what each says, and what it says later.
func TestThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, 1, lan())
		c.startAll()
		t.Logf("equal after %s", c.await(10*time.Second))
		c.publish(c.hosts[1])
		t.Logf("one change everywhere after %s", c.await(3*time.Second))
		c.stopAll()
	})
}
func TestMany(t *testing.T) {
	for _, n := range []int{30, 100, 300} {
		synctest.Test(t, func(t *testing.T) {
			real := func() time.Time { return time.Now() }
			_ = real
			c := newCluster(t, n, 1, lan())
			c.startAll()
			t.Logf("equal after %s", c.await(120*time.Second))
			time.Sleep(60 * time.Second)
			c.publish(c.hosts[1])
			t.Logf("one change everywhere after %s", c.await(10*time.Second))
			for _, h := range c.hosts {
				c.publish(h)
			}
			t.Logf("all change after %s", c.await(60*time.Second))
			c.stopAll()
		})
	}
}
