# Deploys a build to staging that cannot take orders, so that a drill has something to take back.
cd "$(dirname "$0")" || exit 1
rm -rf releases/v214
mkdir releases/v214
echo '{"version":"v214"}' > releases/v214/version.json
echo '{"ok":false,"error":"tax engine"}' > releases/v214/health.json
ln -sfn releases/v214 current
echo "v214 is live on staging"
