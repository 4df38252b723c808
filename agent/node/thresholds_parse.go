package node

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

func parseStatements(setting string, statements map[string]string, errs *[]error) []Threshold {
	var list []Threshold
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		value, enabled, err := parseStatement(Signal(name), statements[name])
		switch {
		case err != nil:
			*errs = append(*errs, fmt.Errorf("%s: %s: %q: %w", setting, name, statements[name], err))
		case enabled && Signal(name) != containerFSAvailable && Signal(name) != containerFSInodesFree:
			list = append(list, Threshold{Signal: Signal(name), Value: value})
		}
	}
	return list
}

// parseStatement returns false for a threshold that is switched off, which 0% and 100% do.
func parseStatement(s Signal, text string) (ThresholdValue, bool, error) {
	if s.condition() == "" {
		return ThresholdValue{}, false, errUnknownSignal
	}
	if text == "0%" || text == "100%" {
		return ThresholdValue{}, false, nil
	}
	if strings.HasSuffix(text, "%") {
		share, err := parsePercentage(text)
		if err == nil && (share < 0 || share > 1) {
			err = errors.New("a percentage has to be between 0% and 100%")
		}
		return ThresholdValue{Percentage: share}, err == nil, err
	}
	q, err := resource.ParseQuantity(text)
	if err == nil && q.Sign() <= 0 {
		err = errors.New("a quantity has to be above zero")
	}
	return ThresholdValue{Quantity: &q}, err == nil, err
}

var errUnknownSignal = errors.New("unknown eviction signal; known are memory.available, nodefs.available, " +
	"nodefs.inodesFree, imagefs.available, imagefs.inodesFree and pid.available")

func parsePercentage(text string) (float32, error) {
	value, err := strconv.ParseFloat(strings.TrimRight(text, "%"), 32)
	if err != nil || math.IsNaN(value) {
		return 0, errors.New("want a number before the percent sign, such as 10%")
	}
	return float32(value) / 100, nil
}

func parseGracePeriods(statements map[string]string, errs *[]error) map[Signal]time.Duration {
	periods := map[Signal]time.Duration{}
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		period, err := time.ParseDuration(statements[name])
		switch {
		case Signal(name).condition() == "":
			err = errUnknownSignal
		case err == nil && period < 0:
			err = errors.New("a grace period cannot be negative")
		}
		if err != nil {
			*errs = append(*errs, fmt.Errorf("evictionSoftGracePeriod: %s: %q: %w", name, statements[name], err))
		}
		periods[Signal(name)] = period
	}
	return periods
}

func parseReclaims(statements map[string]string, errs *[]error) map[Signal]ThresholdValue {
	reclaims := map[Signal]ThresholdValue{}
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		value, err := parseReclaim(Signal(name), statements[name])
		if err != nil {
			*errs = append(*errs, fmt.Errorf("evictionMinimumReclaim: %s: %q: %w", name, statements[name], err))
		}
		reclaims[Signal(name)] = value
	}
	return reclaims
}

func parseReclaim(s Signal, text string) (ThresholdValue, error) {
	if s.condition() == "" {
		return ThresholdValue{}, errUnknownSignal
	}
	if strings.HasSuffix(text, "%") {
		share, err := parsePercentage(text)
		if err == nil && share <= 0 {
			err = errors.New("a percentage has to be above zero")
		}
		return ThresholdValue{Percentage: share}, err
	}
	q, err := resource.ParseQuantity(text)
	if err == nil && q.Sign() < 0 {
		err = errors.New("a quantity cannot be negative")
	}
	return ThresholdValue{Quantity: &q}, err
}
