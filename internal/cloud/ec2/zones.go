package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// zonesOf gives the names of a region's zones: three, a to c, in every region.
func zonesOf(region string) []string {
	return []string{region + "a", region + "b", region + "c"}
}

// zoneID gives a zone's id, "use1-az1" for us-east-1a. In AWS the numbers differ by account.
func zoneID(zone string) string {
	if zone == "" {
		return ""
	}
	region, letter := zone[:len(zone)-1], zone[len(zone)-1]
	short := strings.NewReplacer("-", "", "northeast", "ne", "northwest", "nw", "southeast", "se", "southwest", "sw",
		"north", "n", "south", "s", "east", "e", "west", "w", "central", "c", "gov", "g")
	return short.Replace(region) + "-az" + string(letter-'a'+'1')
}

// DescribeAvailabilityZones lists the region's zones.
func (s *Service) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	region := scopeOf(ctx).Region
	all := zonesOf(region)
	for _, name := range in.ZoneNames {
		if !slices.Contains(all, name) {
			return nil, invalid("Invalid availability zone: [%s]", name)
		}
	}
	for _, id := range in.ZoneIds {
		if !slices.ContainsFunc(all, func(z string) bool { return zoneID(z) == id }) {
			return nil, invalid("Invalid availability zone-id: [%s]", id)
		}
	}
	out := &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: []types.AvailabilityZone{}}
	for _, zone := range all {
		z := types.AvailabilityZone{
			ZoneName: aws.String(zone), ZoneId: aws.String(zoneID(zone)), RegionName: aws.String(region), State: types.AvailabilityZoneStateAvailable,
			OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired, ZoneType: aws.String("availability-zone"),
			GroupName: aws.String(region + "-zg-1"), NetworkBorderGroup: aws.String(region), Messages: []types.AvailabilityZoneMessage{},
		}
		if len(in.ZoneNames) > 0 && !slices.Contains(in.ZoneNames, zone) || len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneIds, zoneID(zone)) {
			continue
		}
		keep := true
		for _, f := range in.Filters {
			has, ok := zoneFilter(&z, aws.ToString(f.Name))
			if !ok {
				return nil, invalid("The filter '%s' is invalid", aws.ToString(f.Name))
			}
			keep = keep && anyMatch(f.Values, []string{has})
		}
		if keep {
			out.AvailabilityZones = append(out.AvailabilityZones, z)
		}
	}
	return out, nil
}

func zoneFilter(z *types.AvailabilityZone, name string) (string, bool) {
	switch name {
	case "zone-name":
		return *z.ZoneName, true
	case "zone-id":
		return *z.ZoneId, true
	case "zone-type":
		return *z.ZoneType, true
	case "state":
		return string(z.State), true
	case "region-name":
		return *z.RegionName, true
	case "group-name":
		return *z.GroupName, true
	case "opt-in-status":
		return string(z.OptInStatus), true
	case "message", "parent-zone-id", "parent-zone-name":
		return "", true
	}
	return "", false
}
